// Bodies with marks in them, those of `tls_bodies.py`.

exports.marked = (length, side) => {
    const body = Buffer.alloc(length, ".");
    for (const at of [100, 1 << 16, 1 << 20]) {
        const mark = `${at === 100 ? "near" : "far"}-mark-of-${side}`;
        if (at + mark.length <= length) body.write(mark, at);
    }
    return body;
};
