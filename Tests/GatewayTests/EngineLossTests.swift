import Scheduling
import Testing

@Suite("Engines that end, and clients that leave")
struct EngineLossTests {
    @Test("Before the first byte, the request is sent once more")
    func retry() async throws {
        try await TestGateway.run { test in
            let other = try await FakeUpstream()
            let permits = EnginePermits(limit: 1)
            let client = try await test.client()
            try await client.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            try await engine.close()
            try await test.broker.answer(0, with: .success(test.admission(to: other, permits: permits)))
            #expect(test.permits.inFlight == 0)
            let second = try await other.connection()
            #expect(try await second.message().body == "{\"model\":\"hot\"}")
            try await second.send(TestGateway.ok("2"))
            let answer = try await client.message()
            #expect(answer.body == "2")
            #expect(answer.headers["x-start-tier"] == "cold")
            #expect(permits.inFlight == 0)
            await other.stop()
        }
    }

    @Test("If the second engine ends as well, the answer is 502")
    func retryFails() async throws {
        try await TestGateway.run { test in
            let other = try await FakeUpstream()
            let permits = EnginePermits(limit: 1)
            let client = try await test.client()
            try await client.send(TestGateway.post())
            try await test.engine.connection().close()
            try await test.broker.answer(0, with: .success(test.admission(to: other, permits: permits)))
            let second = try await other.connection()
            _ = try await second.message()
            try await second.close()
            let answer = try await client.message()
            #expect(answer.status == 502)
            #expect(answer.body.contains("\"code\":\"engine_died\""))
            #expect(permits.inFlight == 0)
            await other.stop()
        }
    }

    @Test("A refused connection is a death, and the dead engine is not tried again while the broker has not noticed")
    func refusedConnection() async throws {
        try await TestGateway.run { test in
            let other = try await FakeUpstream()
            let permits = EnginePermits(limit: 1)
            try await test.engine.die()
            let client = try await test.client()
            try await client.send(TestGateway.post())
            let sameAgain = test.admission(
                to: test.engine, permits: test.permits, generation: TestGateway.generation)
            try await test.broker.answer(0, with: .success(sameAgain))
            try await test.broker.answer(1, with: .success(test.admission(to: other, permits: permits)))
            let second = try await other.connection()
            _ = try await second.message()
            #expect(test.permits.inFlight == 0)
            try await second.send(TestGateway.ok("2"))
            #expect(try await client.message().body == "2")
            await other.stop()
        }
    }

    @Test("An idle connection that ended unseen costs no retry")
    func staleConnection() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post())
            let first = try await test.engine.connection()
            _ = try await first.message()
            try await first.send(TestGateway.ok("1"))
            _ = try await client.message()
            // It takes the next request and ends, as one whose end and our request crossed.
            try await client.send(TestGateway.post(more: ",\"n\":2"))
            _ = try await first.message()
            try await first.close()
            let second = try await test.engine.connection(1)
            #expect(try await second.message().body == "{\"model\":\"hot\",\"n\":2}")
            try await second.send(TestGateway.ok("2"))
            #expect(try await client.message().body == "2")
            #expect(test.broker.calls.value.isEmpty)
        }
    }

    @Test(
        "A stream that breaks off ends with an error event",
        arguments: [
            ("data: 1\n\n", "data: 1\n\ndata: {"), ("data: 1\n\ndata: {\"a", "data: 1\n\ndata: {\"a\n\ndata: {"),
        ])
    func brokenStream(sent: String, expected: String) async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            try await engine.send(TestGateway.streamHead + TestGateway.chunk(sent))
            _ = try await client.text(containing: sent)
            try await engine.close()
            let answer = try await client.message()
            #expect(answer.body.hasPrefix(expected))
            #expect(answer.body.hasSuffix("\n\n"))
            #expect(answer.body.contains("\"code\":\"engine_died\""))
            #expect(!answer.body.contains("[DONE]"))
            #expect(test.permits.inFlight == 0)
            #expect(test.broker.calls.value.isEmpty)
            // The connection is whole.
            try await client.send(TestGateway.get("/v1/nothing"))
            #expect(try await client.message().status == 404)
        }
    }

    @Test(
        "Any other answer that breaks off has no clean end",
        arguments: ["Content-Length: 100\r\n\r\npart", "Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n"])
    func brokenAnswer(rest: String) async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            try await engine.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + rest)
            _ = try await client.text(containing: "part")
            try await engine.close()
            let text = try await client.closed()
            #expect(!text.contains("\r\n0\r\n"))
            #expect(!text.contains("engine_died"))
            #expect(test.permits.inFlight == 0)
        }
    }

    @Test("A client that leaves in mid-stream ends the engine's work for it")
    func clientLeaves() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            try await engine.send(TestGateway.streamHead + TestGateway.chunk("data: 1\n\n"))
            _ = try await client.text(containing: "data: 1")
            try await client.close()
            try await engine.closed()
            #expect(test.permits.inFlight == 0)
        }
    }

    @Test("A client that leaves before the first byte does so, too, even with requests waiting behind")
    func clientLeavesEarly() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post() + TestGateway.get("/v1/nothing"))
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            try await client.channel.close(mode: .output)
            try await engine.closed()
            #expect(test.permits.inFlight == 0)
        }
    }

    @Test("A client that sends more and more while it is answered is cut off")
    func tooMuchPipelined() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            client.offer(.init(string: String(repeating: TestGateway.get("/v1/nothing"), count: 5000)))
            try await engine.closed()
            try await client.closed()
            #expect(test.permits.inFlight == 0)
        }
    }
}
