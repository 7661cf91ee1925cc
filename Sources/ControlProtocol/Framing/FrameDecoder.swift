import NIOCore

/// Bytes of a control connection to frames. A `FrameError` reaches the pipeline as `errorCaught`: whoever gets
/// it logs it and closes the connection.
public struct FrameDecoder: ByteToMessageDecoder, Sendable {
    public typealias InboundOut = IncomingFrame

    public init() {}

    public mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        guard let frame = try FrameCodec.decodeNext(from: &buffer) else { return .needMoreData }
        context.fireChannelRead(Self.wrapInboundOut(frame))
        return .continue
    }

    /// Half a frame at the end of a connection is dropped: its sender is gone.
    public mutating func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState {
        let state = try decode(context: context, buffer: &buffer)
        if state == .needMoreData { buffer.clear() }
        return state
    }
}
