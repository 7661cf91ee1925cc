import ControlProtocol
import Glibc
import Logging
import NIOCore
import NIOPosix
import Scheduling

/// Whoever may act on what comes over control connections.
protocol ControlServerDelegate: Sendable {
    /// Somebody said who it is. Throws `ControllerError` to refuse it.
    func welcome(_ hello: Hello, on connection: ControlConnection) async throws -> PeerIdentity
    func received(_ message: ControlMessage, from peer: PeerIdentity) async
    func connectionEnded(_ connection: ControlConnection, of peer: PeerIdentity) async
}

/// Who is at the other end of a control connection.
enum PeerIdentity: Sendable, CustomStringConvertible {
    case process(ProcessID)
    case executor(ExecutorID)

    var description: String {
        switch self {
        case .process(let id): id.description
        case .executor(let id): id.description
        }
    }
}

/// Listens on `run/control.sock` and speaks the control protocol with all who dial in.
struct ControlServer: Sendable {
    typealias Connection = NIOAsyncChannel<IncomingFrame, ByteBuffer>

    let path: String
    /// The uid whose processes alone may connect.
    var owner = getuid()
    /// A process that has dialled has to say hello within this.
    var helloLimit = Duration.seconds(10)
    let group: any EventLoopGroup
    let logger: Logger

    /// Binds the socket. The run directory's mode keeps others out; the socket's own mode does so again.
    func bind() async throws -> NIOAsyncChannel<Connection, Never> {
        let listener = try await ServerBootstrap(group: group)
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(FrameDecoder()))
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
        guard chmod(path, 0o600) == 0 else {
            throw ControllerError(.internal, "\(path): \(String(cString: strerror(errno)))")
        }
        return listener
    }

    /// Serves until the listener is closed or the task is cancelled.
    func serve(_ listener: NIOAsyncChannel<Connection, Never>, _ delegate: any ControlServerDelegate) async throws {
        try await listener.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { tasks in
                for try await connection in connections {
                    tasks.addTask { await serve(connection, delegate) }
                }
            }
        }
    }

    private func serve(_ channel: Connection, _ delegate: any ControlServerDelegate) async {
        do {
            let peer = try await credentials(of: channel.channel)
            try await channel.executeThenClose { inbound, outbound in
                let connection = ControlConnection(peer: peer, outbound: outbound)
                var frames = inbound.makeAsyncIterator()
                guard let peer = try await greet(&frames, channel.channel, connection, delegate) else { return }
                do {
                    while let frame = try await frames.next() {
                        try await handle(frame, peer, connection, delegate)
                    }
                } catch {
                    logger.warning(
                        "control connection broken",
                        metadata: ["peer": "\(peer)", "error": "\(error)"])
                }
                await connection.ended()
                await delegate.connectionEnded(connection, of: peer)
            }
        } catch {
            logger.warning("control connection refused", metadata: ["error": "\(error)"])
        }
    }

    /// The first frame has to be a hello that is welcome. Returns who it is; nil if it was refused.
    private func greet(
        _ frames: inout NIOAsyncChannelInboundStream<IncomingFrame>.AsyncIterator, _ channel: any Channel,
        _ connection: ControlConnection, _ delegate: any ControlServerDelegate
    ) async throws -> PeerIdentity? {
        // Whoever says nothing is cut off, so that a silent connection cannot stay for ever.
        let limit = channel.eventLoop.scheduleTask(in: .nanoseconds(helloLimit.nanoseconds)) {
            channel.close(promise: nil)
        }
        let first = try await frames.next()
        limit.cancel()
        guard case .message(.hello(let hello)) = first else {
            throw ControllerError(.badRequest, "The first frame of a control connection has to be a valid hello.")
        }
        do {
            try check(hello, connection.peer)
            return try await delegate.welcome(hello, on: connection)
        } catch let error as ControllerError {
            logger.warning(
                "process refused",
                metadata: ["process.id": "\(hello.process)", "pid": "\(hello.pid)", "reason": "\(error.message)"])
            try await connection.send(.refused(Refused(re: hello.id, reason: error.message)))
            await connection.ended()
            return nil
        }
    }

    private func check(_ hello: Hello, _ peer: PeerCredentials) throws {
        guard peer.pid != 0 else {
            throw ControllerError(
                .forbidden, "The peer's pid reads 0: it is in another pid namespace, where it cannot be watched.")
        }
        guard peer.uid == owner else {
            throw ControllerError(.forbidden, "The peer's uid is \(peer.uid); only uid \(owner) may connect.")
        }
        guard hello.pid == Int(peer.pid) else {
            throw ControllerError(.forbidden, "The hello names pid \(hello.pid), and the socket's peer is \(peer.pid).")
        }
        guard hello.version == controlProtocolVersion else {
            throw ControllerError(
                .badRequest,
                "Protocol \(hello.version) is not spoken here; this controller speaks \(controlProtocolVersion).")
        }
    }

    private func handle(
        _ frame: IncomingFrame, _ peer: PeerIdentity, _ connection: ControlConnection,
        _ delegate: any ControlServerDelegate
    ) async throws {
        switch frame {
        case .message(let message):
            if let id = message.answeredID {
                await connection.answered(message, id: id)
            } else {
                await delegate.received(message, from: peer)
            }
        case .unknownType, .malformed:
            logger.warning(
                "control message not understood", metadata: ["peer": "\(peer)", "frame": "\(frame)"])
            if let refusal = frame.refusal { try await connection.send(refusal) }
        }
    }

    private func credentials(of channel: any Channel) async throws -> PeerCredentials {
        guard let provider = channel as? any SocketOptionProvider else {
            throw ControllerError(.internal, "The control channel is no socket.")
        }
        return try await provider.unsafeGetSocketOption(level: .socket, name: .init(rawValue: SO_PEERCRED)).get()
    }
}
