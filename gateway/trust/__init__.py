"""The trust folder 信任目录 as its operator keeps it: what stands in it, what must be mended, and what may be added."""
