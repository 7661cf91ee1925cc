import ControlProtocol
import Foundation
import NIOCore

/// Bytes to messages, in frames like those of the control protocol: how this runtime's processes talk among themselves.
struct JSONFrameDecoder<Message: Decodable & Sendable>: ByteToMessageDecoder {
    typealias InboundOut = Message

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        guard let announced = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return .needMoreData }
        let length = Int(announced)
        guard length <= FrameCodec.maximumLength else { throw FrameError.tooLong(length: length) }
        guard buffer.readableBytes >= 4 + length else { return .needMoreData }
        buffer.moveReaderIndex(forwardBy: 4)
        guard let bytes = buffer.readBytes(length: length) else { return .needMoreData }
        context.fireChannelRead(Self.wrapInboundOut(try JSONDecoder().decode(Message.self, from: Data(bytes))))
        return .continue
    }

    /// Half a frame at the end of a connection is dropped: its sender is gone.
    mutating func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState {
        let state = try decode(context: context, buffer: &buffer)
        if state == .needMoreData { buffer.clear() }
        return state
    }
}

/// Messages to bytes, in the same frames.
struct JSONFrameEncoder<Message: Encodable & Sendable>: MessageToByteEncoder {
    typealias OutboundIn = Message

    func encode(data: Message, out: inout ByteBuffer) throws {
        let json = try JSONEncoder().encode(data)
        out.writeInteger(UInt32(json.count))
        out.writeBytes(json)
    }
}

extension ChannelPipeline.SynchronousOperations {
    /// Makes the channel speak these messages, both ways.
    func addJSONFrames<Message: Codable & Sendable>(of _: Message.Type) throws {
        try addHandlers([
            ByteToMessageHandler(JSONFrameDecoder<Message>()), MessageToByteHandler(JSONFrameEncoder<Message>()),
        ])
    }
}
