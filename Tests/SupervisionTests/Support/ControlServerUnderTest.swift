import ControlProtocol
import Glibc
import Logging
import NIOPosix
import Scheduling

@testable import Supervision

/// Notes what the server tells it, and does what the test says.
actor FakeDelegate: ControlServerDelegate {
    enum Event: Sendable {
        case welcomed(ControlConnection)
        case received(ControlMessage, ProcessID)
        case ended(ProcessID)
    }

    nonisolated let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    /// If set, who says hello is refused with this.
    private let refusal: String?
    /// What this process says is taken in only when `gate` happens.
    private let heldUp: ProcessID?
    nonisolated let gate = OneShot()

    init(refusal: String? = nil, heldUp: ProcessID? = nil) {
        self.refusal = refusal
        self.heldUp = heldUp
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(4096))
    }

    func welcome(_ hello: Hello, on connection: ControlConnection) async throws -> PeerIdentity {
        if let refusal { throw ControllerError(.conflict, refusal) }
        try await connection.send(.welcome(Welcome(re: hello.id, epoch: 5, orphanTimeoutMilliseconds: 1000)))
        continuation.yield(.welcomed(connection))
        return .process(ProcessID(hello.process))
    }

    func received(_ message: ControlMessage, from peer: PeerIdentity) async {
        guard case .process(let process) = peer else { return }
        if process == heldUp { await gate.wait(atMost: .seconds(60)) }
        continuation.yield(.received(message, process))
    }

    func connectionEnded(_ connection: ControlConnection, of peer: PeerIdentity) async {
        guard case .process(let process) = peer else { return }
        continuation.yield(.ended(process))
    }

    nonisolated func nextEvent() async throws -> Event {
        guard let event = await events.first(where: { _ in true }) else { throw TestFailure("cancelled") }
        return event
    }
}

/// A control server on a socket of its own, with a fake delegate behind it.
struct ControlServerUnderTest {
    let path: String
    let delegate: FakeDelegate

    /// A process that was welcomed: its end of the connection, and the controller's.
    func greeted(_ process: String = "p-1") async throws -> (peer: ControlPeer, connection: ControlConnection) {
        let peer = try await ControlPeer.dial(path)
        try await peer.send(.hello(.here(process: process)))
        guard case .welcome = try await peer.next(), case .welcomed(let connection) = try await delegate.nextEvent()
        else { throw TestFailure("not welcome") }
        return (peer, connection)
    }

    static func run(
        _ delegate: FakeDelegate = FakeDelegate(), owner: UInt32 = getuid(), helloLimit: Duration = .seconds(60),
        log: any LogHandler = SwiftLogNoOpLogHandler(), _ test: (ControlServerUnderTest) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        try await run(at: folder.file("control.sock"), delegate, owner: owner, helloLimit: helloLimit, log: log, test)
    }

    static func run(
        at path: String, _ delegate: FakeDelegate = FakeDelegate(), owner: UInt32 = getuid(),
        helloLimit: Duration = .seconds(60), log: any LogHandler = SwiftLogNoOpLogHandler(),
        _ test: (ControlServerUnderTest) async throws -> Void
    ) async throws {
        let server = ControlServer(
            path: path, owner: owner, helloLimit: helloLimit, group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test", factory: { _ in log }))
        let listener = try await server.bind()
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await server.serve(listener, delegate) }
            try await test(ControlServerUnderTest(path: path, delegate: delegate))
        }
    }
}
