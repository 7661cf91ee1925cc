import ControlProtocol
import Scheduling
import Testing

@testable import Supervision

@Suite("Requests to processes and their answers", .timeLimit(.minutes(5)))
struct RequestTests {
    private static let ended = ControllerError(.startFailed, "The process's control connection ended.")

    private func ping(
        _ connection: ControlConnection, within limit: Duration = .seconds(60)
    ) async throws -> ControlMessage {
        try await connection.request(within: limit) { .ping(Ping(id: $0, deadlineMilliseconds: $1)) }
    }

    private func pong(_ ping: Ping) -> ControlMessage { .pong(Pong(re: ping.id, progress: ping.id, privateBytes: 0)) }

    @Test("A request carries its deadline and gets the answer with its number, whatever the order")
    func answers() async throws {
        try await ControlServerUnderTest.run { server in
            let (peer, connection) = try await server.greeted()
            async let first = ping(connection, within: .seconds(50))
            let firstPing = try await peer.nextPing()
            #expect(firstPing.deadlineMilliseconds == 50_000)
            async let second = ping(connection)
            let secondPing = try await peer.nextPing()
            #expect(secondPing.id != firstPing.id)
            try await peer.send(pong(secondPing))
            #expect(try await second == pong(secondPing))
            try await peer.send(pong(firstPing))
            #expect(try await first == pong(firstPing))
        }
    }

    @Test("Nobody who is silent is waited for longer than the deadline; what comes later changes nothing")
    func lateAnswer() async throws {
        try await ControlServerUnderTest.run { server in
            let (peer, connection) = try await server.greeted()
            await #expect(throws: ControllerError(.deadlinePassed, "A process did not answer within 20.0 ms.")) {
                _ = try await ping(connection, within: .milliseconds(20))
            }
            let late = try await peer.nextPing()
            async let next = ping(connection)
            let second = try await peer.nextPing()
            try await peer.send(pong(late))
            try await peer.send(pong(second))
            #expect(try await next == pong(second))
        }
    }

    @Test("A second answer, or one to a request that never was, changes nothing")
    func answeredTwice() async throws {
        try await ControlServerUnderTest.run { server in
            let (peer, connection) = try await server.greeted()
            for _ in 0..<3 {
                async let answer = ping(connection)
                let ping = try await peer.nextPing()
                for number in [ping.id + 1, -1, Int.max] {
                    try await peer.send(.failed(Failed(re: number, reason: "nobody asked")))
                }
                try await peer.send(pong(ping))
                try await peer.send(.failed(Failed(re: ping.id, reason: "on second thoughts")))
                #expect(try await answer == pong(ping))
            }
        }
    }

    @Test("failed and error are thrown with their reasons")
    func refusals() async throws {
        try await ControlServerUnderTest.run { server in
            let (peer, connection) = try await server.greeted()
            for (make, expected) in [
                (
                    { @Sendable id in .failed(Failed(re: id, reason: "No room.")) },
                    ControllerError(.startFailed, "No room.")
                ),
                (
                    { @Sendable id in .error(ProtocolError(re: id, reason: "unknown type 'ping'")) },
                    ControllerError(.internal, "A process did not understand us: unknown type 'ping'")
                ),
            ] as [(@Sendable (Int) -> ControlMessage, ControllerError)] {
                let answer = Task { try await ping(connection) }
                try await peer.send(make(try await peer.nextPing().id))
                await #expect(throws: expected) { _ = try await answer.value }
            }
        }
    }

    @Test("Requests beyond the 64th that wait are refused; the connection's end fails all at once")
    func tooMany() async throws {
        try await ControlServerUnderTest.run { server in
            let (peer, connection) = try await server.greeted()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<64 {
                    group.addTask {
                        await #expect(throws: Self.ended) { _ = try await ping(connection, within: .seconds(3600)) }
                    }
                }
                for _ in 0..<64 { _ = try await peer.nextPing() }
                await #expect(
                    throws: ControllerError(
                        .internal, "A process has 64 unanswered control requests; it gets no more.")
                ) { _ = try await ping(connection) }
                try await peer.close()
                try await group.waitForAll()
            }
            await #expect(throws: Self.ended) { _ = try await ping(connection, within: .seconds(3600)) }
        }
    }

    @Test("An answered request makes room for another")
    func room() async throws {
        try await ControlServerUnderTest.run { server in
            let (peer, connection) = try await server.greeted()
            for _ in 0..<130 {
                async let answer = ping(connection)
                try await peer.send(pong(try await peer.nextPing()))
                _ = try await answer
            }
        }
    }

    @Test("A request that is too long for a frame fails at once, and alone")
    func tooLong() async throws {
        try await ControlServerUnderTest.run { server in
            let (peer, connection) = try await server.greeted()
            let error = await #expect(throws: ControllerError.self) {
                _ = try await connection.request(within: .seconds(3600)) { id, _ in
                    .fork(
                        Fork(
                            id: id, deadlineMilliseconds: 1, process: "p-2", role: .core, device: "cpu:0", cores: [],
                            log: String(repeating: "x", count: 2 << 20), temporaryDirectory: ""))
                }
            }
            #expect(error?.message.contains("'fork' is too long to send") == true)
            async let answer = ping(connection)
            try await peer.send(pong(try await peer.nextPing()))
            _ = try await answer
        }
    }
}
