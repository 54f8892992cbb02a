import Base

public enum RecordCodec {
    @inline(__always)
    public static func appendSet(
        to buffer: inout ByteBuffer, database: Int, key: ByteView, value: ByteView, deadline: Int64?
    ) {
        buffer.append(UInt8(1)); buffer.append(varint: database); buffer.append(varint: key.count); buffer.append(key);
        buffer.append(value)
    }
    @inline(__always)
    public static func appendIncrement(to buffer: inout ByteBuffer, database: Int, key: ByteView, amount: Int64) {
        buffer.append(UInt8(2)); buffer.append(varint: database); buffer.append(varint: key.count); buffer.append(key);
        buffer.append(zigzag: amount)
    }
    public static func appendClear(to buffer: inout ByteBuffer, database: Int, key: ByteView) {}
    public static func appendDeadline(to buffer: inout ByteBuffer, database: Int, key: ByteView, deadline: Int64) {}
    public static func appendSetBit(to buffer: inout ByteBuffer, database: Int, key: ByteView, offset: Int, bit: Bool) {
    }
    public static func appendAppend(to buffer: inout ByteBuffer, database: Int, key: ByteView, suffix: ByteView) {}
    public static func appendOverwrite(
        to buffer: inout ByteBuffer, database: Int, key: ByteView, offset: Int, bytes: ByteView
    ) {}
}
