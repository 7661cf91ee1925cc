import ControlProtocol
import Scheduling
import Testing

@testable import Supervision

@Suite("What is said on a control connection", .timeLimit(.minutes(5)))
struct ConversationTests {
    private let stage = ControlMessage.stage(
        Stage(engine: "e-1", generation: WireGeneration(epoch: 5, counter: 1), stage: "load", milliseconds: 3))

    @Test("Messages reach the delegate in order, with who said them")
    func messages() async throws {
        try await ControlServerUnderTest.run { server in
            let (peer, _) = try await server.greeted("p-9")
            let exited = ControlMessage.exited(Exited(process: "p-3", pid: 4, status: 0))
            try await peer.send(stage)
            try await peer.send(exited)
            for expected in [stage, exited] {
                guard case .received(let message, let process) = try await server.delegate.nextEvent() else {
                    throw TestFailure("no message")
                }
                #expect(message == expected)
                #expect(process == ProcessID("p-9"))
            }
        }
    }

    @Test("Half a frame and then the end: the connection has ended, and nothing was received")
    func halfFrame() async throws {
        try await ended { peer in
            try await peer.send(bytes: [0, 0, 0, 90] + Array(#"{"type": "stage""#.utf8))
            try await peer.close()
        }
    }

    @Test(
        "A frame that cannot be read ends the connection", arguments: [[0, 0, 0, 0], [0, 16, 0, 1], [0, 0, 0, 1, 7]])
    func brokenFrame(bytes: [UInt8]) async throws {
        try await ended { peer in
            try await peer.send(bytes: bytes)
            #expect(await peer.nextFrame() == nil)
        }
    }

    private func ended(_ speak: (ControlPeer) async throws -> Void) async throws {
        try await ControlServerUnderTest.run { server in
            let (peer, connection) = try await server.greeted("p-4")
            try await speak(peer)
            guard case .ended(ProcessID("p-4")) = try await server.delegate.nextEvent() else {
                throw TestFailure("the end was not told")
            }
            await #expect(throws: ControllerError(.startFailed, "The process's control connection ended.")) {
                _ = try await connection.request(within: .seconds(60)) { .stop(Stop(id: $0, deadlineMilliseconds: $1)) }
            }
        }
    }

    @Test("An unknown type is answered with an error, with the number of its frame if it had one")
    func unknownType() async throws {
        try await answered(
            [
                (#"{"type": "sing", "id": 12}"#, ProtocolError(re: 12, reason: "unknown type 'sing'")),
                (#"{"type": "sing"}"#, ProtocolError(re: nil, reason: "unknown type 'sing'")),
                (#"{"type": "sing", "id": "x"}"#, ProtocolError(re: nil, reason: "unknown type 'sing'")),
            ])
    }

    @Test("A malformed message is answered with an error that says what is wrong")
    func malformed() async throws {
        try await answered(
            [
                (
                    #"{"type": "exited", "id": 8, "pid": 1}"#,
                    ProtocolError(re: 8, reason: "'exited' is malformed: 'process' is missing")
                ),
                (
                    #"{"type": "pong", "re": 8, "progress": "many", "private_bytes": 1}"#,
                    ProtocolError(re: nil, reason: "'pong' is malformed: 'progress' is of the wrong type")
                ),
            ])
    }

    @Test("An error that is not understood is not answered: two peers would never stop")
    func malformedError() async throws {
        try await ControlServerUnderTest.run { server in
            let (peer, _) = try await server.greeted()
            try await peer.send(json: #"{"type": "error", "id": 3}"#)
            try await peer.send(json: #"{"type": "sing", "id": 4}"#)
            #expect(try await peer.next() == .error(ProtocolError(re: 4, reason: "unknown type 'sing'")))
        }
    }

    /// Each is answered so, and the connection goes on.
    private func answered(_ cases: [(json: String, answer: ProtocolError)]) async throws {
        try await ControlServerUnderTest.run { server in
            let (peer, _) = try await server.greeted()
            for (json, answer) in cases {
                try await peer.send(json: json)
                #expect(try await peer.next() == .error(answer))
            }
            try await peer.send(stage)
            guard case .received(stage, _) = try await server.delegate.nextEvent() else {
                throw TestFailure("something else was received")
            }
        }
    }

    @Test("One process whose message is not yet dealt with holds up no other")
    func independent() async throws {
        let delegate = FakeDelegate(heldUp: ProcessID("p-1"))
        try await ControlServerUnderTest.run(delegate) { server in
            let (slow, _) = try await server.greeted("p-1")
            let (quick, connection) = try await server.greeted("p-2")
            try await slow.send(stage)
            for _ in 0..<20 {
                try await quick.send(stage)
                guard case .received(_, ProcessID("p-2")) = try await delegate.nextEvent() else {
                    throw TestFailure("held up")
                }
            }
            async let answer = connection.request(within: .seconds(60)) {
                .ping(Ping(id: $0, deadlineMilliseconds: $1))
            }
            let ping = try await quick.nextPing()
            try await quick.send(.pong(Pong(re: ping.id, progress: 1, privateBytes: 2)))
            _ = try await answer
            await delegate.gate.happen()
            guard case .received(_, ProcessID("p-1")) = try await delegate.nextEvent() else {
                throw TestFailure("lost")
            }
        }
    }
}
