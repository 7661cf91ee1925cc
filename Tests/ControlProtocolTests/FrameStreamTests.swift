import NIOCore
import NIOEmbedded
import Testing

@testable import ControlProtocol

/// The codec in a channel: frames as they come from a socket, cut anywhere.
@Suite struct FrameStreamTests {
    private func makeChannel() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandlers([
            ByteToMessageHandler(FrameDecoder()), MessageToByteHandler(FrameEncoder()),
        ])
        return channel
    }

    @Test func aFrameCutAnywhereIsOneMessage() throws {
        let message = ControlMessage.forked(Forked(re: 3, pid: 4714))
        var frame = ByteBuffer()
        try FrameCodec.encode(message, into: &frame)
        for cut in 1..<frame.readableBytes {
            let channel = try makeChannel()
            var rest = frame
            let head = rest.readSlice(length: cut)
            try channel.writeInbound(try #require(head))
            #expect(try channel.readInbound(as: IncomingFrame.self) == nil)
            try channel.writeInbound(rest)
            #expect(try channel.readInbound(as: IncomingFrame.self) == .message(message))
            #expect(try channel.finish().isClean)
        }
    }

    @Test func framesOfOneReadComeInOrder() throws {
        let messages = (1...3).map { ControlMessage.done(Done(re: $0)) }
        var bytes = ByteBuffer()
        for message in messages { try FrameCodec.encode(message, into: &bytes) }
        bytes.writeBytes([0, 0])  // The beginning of a fourth, that never comes.
        let channel = try makeChannel()
        try channel.writeInbound(bytes)
        for message in messages {
            #expect(try channel.readInbound(as: IncomingFrame.self) == .message(message))
        }
        #expect(try channel.finish().isClean)
    }

    @Test func aBadFrameReachesThePipelineAsItsError() throws {
        let channel = try makeChannel()
        var bytes = ByteBuffer()
        try FrameCodec.encode(.done(Done(re: 1)), into: &bytes)
        bytes.writeBytes([0, 0, 0, 0])
        #expect(throws: FrameError.empty) { try channel.writeInbound(bytes) }
        #expect(try channel.readInbound(as: IncomingFrame.self) == .message(.done(Done(re: 1))))
    }

    @Test func messagesAreWrittenAsFrames() throws {
        let channel = try makeChannel()
        let message = ControlMessage.ping(Ping(id: 8, deadlineMilliseconds: 1000))
        try channel.writeOutbound(message)
        var written = try #require(try channel.readOutbound(as: ByteBuffer.self))
        #expect(try FrameCodec.decodeNext(from: &written) == .message(message))

        let long = ControlMessage.error(ProtocolError(reason: String(repeating: "x", count: 1 << 20)))
        #expect(throws: FrameError.self) { try channel.writeOutbound(long) }
        // NIO's handler is done with the connection then.
        #expect(throws: FrameError.self) { try channel.writeOutbound(message) }
        #expect(throws: FrameError.self) { try channel.finish() }
    }
}
