"""Report cards 评分卡: what of an insurer's day has to be mended, and how its month was; made of what is known."""
