import NIOCore

/// Where a stream of server-sent events stands: between two events, or inside one that a blank line must end before
/// anything can be added.
struct EventStreamTail {
    /// The newest bytes, the last one lowest. A blank line shows in the last three: LF LF, or LF CR LF.
    private var newest: UInt32 = 0x0A0A

    var isBetweenEvents: Bool { newest & 0xFFFF == 0x0A0A || newest & 0xFF_FFFF == 0x0A_0D_0A }

    mutating func consume(_ bytes: ByteBuffer) {
        for byte in bytes.readableBytesView.suffix(3) {
            newest = newest << 8 | UInt32(byte)
        }
    }
}
