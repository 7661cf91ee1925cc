import NIOCore

/// Messages to bytes of a control connection.
///
/// A message that cannot be sent fails its write with a `FrameError`, and so does NIO's `MessageToByteHandler` with every
/// later write: the connection is to be closed. Who sends messages of unknown length and wants to keep the connection,
/// calls `FrameCodec.encode` first and writes the bytes.
public struct FrameEncoder: MessageToByteEncoder, Sendable {
    public typealias OutboundIn = ControlMessage

    public init() {}

    public func encode(data: ControlMessage, out: inout ByteBuffer) throws {
        try FrameCodec.encode(data, into: &out)
    }
}
