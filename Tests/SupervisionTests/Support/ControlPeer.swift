import ControlProtocol
import NIOCore
import NIOPosix

@testable import Supervision

/// The test's end of a connection that carries control frames; it may also send what is none.
struct ControlPeer: Sendable {
    let channel: any Channel
    private let frames: AsyncStream<IncomingFrame>

    /// Takes a connection over; on its event loop.
    init(_ channel: any Channel) throws {
        let (frames, continuation) = AsyncStream<IncomingFrame>.makeStream(bufferingPolicy: .bufferingOldest(4096))
        self.channel = channel
        self.frames = frames
        try channel.pipeline.syncOperations.addHandlers(
            ByteToMessageHandler(FrameDecoder()), FrameCollector(continuation))
    }

    static func dial(_ path: String) async throws -> ControlPeer {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture { try ControlPeer(channel) }
            }
    }

    func send(_ message: ControlMessage) async throws {
        var buffer = ByteBuffer()
        try FrameCodec.encode(message, into: &buffer)
        try await channel.writeAndFlush(buffer)
    }

    /// Sends any JSON as a frame.
    func send(json: String) async throws {
        var buffer = ByteBuffer(integer: UInt32(json.utf8.count))
        buffer.writeString(json)
        try await channel.writeAndFlush(buffer)
    }

    func send(bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    func close() async throws { try await channel.close() }

    /// The next frame; nil when the other side has closed the connection.
    func nextFrame() async -> IncomingFrame? { await frames.first { _ in true } }

    /// The next frame, which has to be a message.
    func next() async throws -> ControlMessage {
        guard case .message(let message) = await nextFrame() else { throw TestFailure("a message was to come") }
        return message
    }

    func nextPing() async throws -> Ping {
        let message = try await next()
        guard case .ping(let ping) = message else { throw TestFailure("\(message) instead of a ping") }
        return ping
    }

    func nextAssign() async throws -> Assign {
        let message = try await next()
        guard case .assign(let assign) = message else { throw TestFailure("\(message) instead of an assign") }
        return assign
    }

    /// The next frame is a refusal, and the connection ends with it.
    func nextRefusal() async throws -> Refused {
        let message = try await next()
        guard case .refused(let refused) = message else { throw TestFailure("\(message) instead of a refusal") }
        if let frame = await nextFrame() { throw TestFailure("\(frame) after a refusal") }
        return refused
    }

    /// Who is at the other end, as the kernel says.
    func peerPid() async throws -> Int {
        guard let provider = channel as? any SocketOptionProvider else { throw TestFailure("no socket") }
        let peer: PeerCredentials =
            try await provider.unsafeGetSocketOption(level: .socket, name: .init(rawValue: SO_PEERCRED)).get()
        return Int(peer.pid)
    }
}

private final class FrameCollector: ChannelInboundHandler {
    typealias InboundIn = IncomingFrame

    private let frames: AsyncStream<IncomingFrame>.Continuation

    init(_ frames: AsyncStream<IncomingFrame>.Continuation) { self.frames = frames }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { frames.yield(unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) { frames.finish() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

extension Hello {
    /// A hello of this process itself.
    static func here(
        id: Int = 1, version: Int = controlProtocolVersion, process: String = "p-1", pid: Int = Int(getpid())
    ) -> Hello {
        Hello(
            id: id, version: version, epoch: 5, process: process, role: .core, pid: pid, runtime: "test", state: .idle)
    }
}
