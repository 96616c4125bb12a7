"""The picture of a seal, drawn anew: what a stranger sent as an image never reaches a reader of the report as it came.

A picture proves nothing; it is shown because people recognise seals by it. One whose seal did not pass is crossed out.
"""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass, field

from PIL import Image, ImageDraw, UnidentifiedImageError

_FORMATS = ("PNG", "JPEG", "GIF", "BMP")
_LARGEST = 1 << 20
_MOST_PIXELS = 4_000_000
_MOST_SCANS = 64  # a progressive JPEG may ask for its whole area to be decoded once more every few bytes
_SIDE = 480
_CROSS = (150, 150, 150)
# What the decoders are known to raise on octets that are no picture.
_BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class NotRendered(ValueError):
    """The picture is not shown: `reason` is `kind`, `too-large` or `broken`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Rendered:
    """A JPEG of our own making, on white, of at most 480 pixels a side."""

    jpeg: bytes = field(repr=False)
    width: int
    height: int


def render(content: bytes, *, crossed_out: bool) -> Rendered:
    """The first frame of a PNG, JPEG, GIF or BMP, told from its bytes and not from what the seal calls it.

    At most 1 MiB and four million pixels are read. Raises `NotRendered`; OFD and SVG pictures are programs for a
    renderer, and not drawn.
    """
    if len(content) > _LARGEST or (content.startswith(b"\xff\xd8") and content.count(b"\xff\xda") > _MOST_SCANS):
        raise NotRendered("too-large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise NotRendered("too-large")
                picture = _on_white(image)
                if crossed_out:
                    _cross_out(picture)
                buffer = io.BytesIO()
                picture.save(buffer, "JPEG", quality=90, subsampling=0)
    except UnidentifiedImageError as error:
        raise NotRendered("kind") from error
    except NotRendered:
        raise
    except _BROKEN as error:
        raise NotRendered("broken") from error
    return Rendered(buffer.getvalue(), picture.width, picture.height)


def _on_white(image: Image.Image) -> Image.Image:
    """The pixels without anything else that the file carried, transparency as white, scaled down to fit."""
    drawn = image.convert("RGBA")
    drawn.thumbnail((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    picture = Image.new("RGB", drawn.size, "white")
    picture.paste(drawn, mask=drawn.getchannel("A"))
    return picture


def _cross_out(picture: Image.Image) -> None:
    right, bottom = picture.width - 1, picture.height - 1
    pen = max(2, min(picture.size) // 40)
    draw = ImageDraw.Draw(picture)
    draw.line(((0, 0), (right, bottom)), fill=_CROSS, width=pen)
    draw.line(((0, bottom), (right, 0)), fill=_CROSS, width=pen)
    draw.rectangle(((0, 0), (right, bottom)), outline=_CROSS, width=pen)
