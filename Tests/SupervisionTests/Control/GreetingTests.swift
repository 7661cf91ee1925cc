import ControlProtocol
import Foundation
import InMemoryLogging
import Scheduling
import Testing

@testable import Supervision

@Suite("Who may talk on the control socket", .timeLimit(.minutes(5)))
struct GreetingTests {
    @Test("A good hello is welcome, and the peer is who the kernel says")
    func goodHello() async throws {
        try await ControlServerUnderTest.run { server in
            let peer = try await ControlPeer.dial(server.path)
            try await peer.send(.hello(.here(id: 7)))
            #expect(
                try await peer.next() == .welcome(Welcome(re: 7, epoch: 5, orphanTimeoutMilliseconds: 1000)))
            guard case .welcomed(let connection) = try await server.delegate.nextEvent() else {
                throw TestFailure("not welcome")
            }
            #expect(connection.peer.pid == getpid())
            #expect(connection.peer.uid == getuid())
            #expect(connection.peer.gid == getgid())
        }
    }

    @Test("The socket is for its owner alone")
    func socketMode() async throws {
        try await ControlServerUnderTest.run { server in
            let attributes = try FileManager.default.attributesOfItem(atPath: server.path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test("A socket that an earlier controller left is no hindrance")
    func leftSocket() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("control.sock")
        let old = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(old, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(old)
        try #require(exists(path))
        try await ControlServerUnderTest.run(at: path) { server in _ = try await server.greeted() }
    }

    @Test("Another protocol version is refused with both versions")
    func wrongVersion() async throws {
        try await refused(.here(id: 3, version: 2)) { refusal in
            #expect(refusal.re == 3)
            #expect(refusal.reason == "Protocol 2 is not spoken here; this controller speaks 1.")
        }
    }

    @Test("A hello with a pid that is not the peer's is refused", arguments: [1, 0, -1, Int.max])
    func wrongPid(pid: Int) async throws {
        try await refused(.here(pid: pid)) { refusal in
            #expect(refusal.reason == "The hello names pid \(pid), and the socket's peer is \(getpid()).")
        }
    }

    /// The socket's mode keeps such a process out, unless it is root's.
    @Test("A process of another uid is refused with that reason, the log says so, and others are heard")
    func otherUid() async throws {
        let owner = getuid() + 1
        let log = InMemoryLogHandler()
        try await ControlServerUnderTest.run(owner: owner, log: log) { server in
            for number in 1...2 {
                let peer = try await ControlPeer.dial(server.path)
                try await peer.send(.hello(.here(id: number)))
                let refusal = try await peer.nextRefusal()
                #expect(refusal.re == number)
                #expect(refusal.reason == "The peer's uid is \(getuid()); only uid \(owner) may connect.")
                #expect(log.entries.map(\.message) == Array(repeating: "process refused", count: number))
                #expect(log.entries.last?.metadata["reason"] == "\(refusal.reason)")
            }
        }
    }

    @Test("Whom the delegate does not want is refused with its reason")
    func refusedByDelegate() async throws {
        try await refused(.here(), FakeDelegate(refusal: "Not today.")) { refusal in
            #expect(refusal == Refused(re: 1, reason: "Not today."))
        }
    }

    private func refused(
        _ hello: Hello, _ delegate: FakeDelegate = FakeDelegate(), _ check: (Refused) -> Void
    ) async throws {
        try await ControlServerUnderTest.run(delegate) { server in
            let peer = try await ControlPeer.dial(server.path)
            try await peer.send(.hello(hello))
            check(try await peer.nextRefusal())
        }
    }

    @Test(
        "Whatever is not a hello ends the connection",
        arguments: [
            #"{"type": "ping", "id": 1, "deadline_ms": 5}"#, #"{"type": "hello", "id": 1}"#,
            #"{"type": "sing", "id": 1}"#, "[]", "{}", "12", "not json", "{\"type\": \"hel\u{0}lo\"}",
        ])
    func notHello(json: String) async throws {
        try await ended { try await $0.send(json: json) }
    }

    @Test(
        "Bytes that are no frame end the connection",
        arguments: [
            [0, 0, 0, 0], [0, 16, 0, 1], [255, 255, 255, 255], Array("GET / HTTP/1.1\r\n\r\n".utf8),
            [0, 0, 0, 2, 255, 254],
        ] as [[UInt8]])
    func notFrame(bytes: [UInt8]) async throws {
        try await ended { try await $0.send(bytes: bytes) }
    }

    /// The server closes the connection without a word, and goes on serving others.
    private func ended(_ speak: (ControlPeer) async throws -> Void) async throws {
        try await ControlServerUnderTest.run { server in
            let peer = try await ControlPeer.dial(server.path)
            try await speak(peer)
            #expect(await peer.nextFrame() == nil)
            _ = try await server.greeted()
        }
    }

    @Test("Half a hello and then the end is nobody")
    func halfHello() async throws {
        try await ControlServerUnderTest.run { server in
            let peer = try await ControlPeer.dial(server.path)
            try await peer.send(bytes: [0, 0, 0, 50] + Array(#"{"type": "hel"#.utf8))
            try await peer.close()
            // Its end is not told to the delegate, whose first event is this one.
            _ = try await server.greeted()
        }
    }

    @Test("Who says nothing, or only half a hello, is cut off; who was welcomed in time is not")
    func silent() async throws {
        try await ControlServerUnderTest.run(helloLimit: .seconds(1)) { server in
            let (speaker, connection) = try await server.greeted()
            // Both dialled later, so the limit has passed for the speaker when it has for them.
            let silent = try await ControlPeer.dial(server.path)
            let stammerer = try await ControlPeer.dial(server.path)
            try await stammerer.send(bytes: [0, 0, 0, 50, 123])
            #expect(await silent.nextFrame() == nil)
            #expect(await stammerer.nextFrame() == nil)
            try await connection.send(.stop(Stop(id: 1, deadlineMilliseconds: 1)))
            #expect(try await speaker.next() == .stop(Stop(id: 1, deadlineMilliseconds: 1)))
        }
    }
}
