"""Bodies with marks in them, which a test looks for where no body may be."""

# The first is not far behind the head; the others are far beyond what is copied with one.
NEAR, FAR = 100, (1 << 16, 1 << 20)


def marked(length, side):
    """`near-mark-of-SIDE` and `far-mark-of-SIDE` in a body of so many bytes."""
    body = bytearray(b"." * length)
    for at in (NEAR, *FAR):
        mark = f"{'near' if at == NEAR else 'far'}-mark-of-{side}".encode()
        if at + len(mark) <= length:
            body[at : at + len(mark)] = mark
    return bytes(body)
