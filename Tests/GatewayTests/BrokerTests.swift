import Scheduling
import Testing

@Suite("Requests that wait with the broker")
struct BrokerTests {
    @Test("A model without an engine waits, and is told what it waited for")
    func cold() async throws {
        try await TestGateway.run { test in
            let permits = EnginePermits(limit: 1)
            let client = try await test.client()
            let request = TestGateway.post(model: "cold")
            try await client.send(request)
            try await test.broker.answer(0, with: .success(test.admission(to: test.engine, permits: permits)))
            let engine = try await test.engine.connection()
            #expect(try await engine.message().body == "{\"model\":\"cold\"}")
            #expect(permits.inFlight == 1)
            try await engine.send(TestGateway.ok("1"))
            let answer = try await client.message()
            #expect(answer.headers["x-start-tier"] == "cold")
            #expect(answer.headers["server-timing"] == "queue;dur=1500.0, load;dur=12.3")
            #expect(permits.inFlight == 0)
            let call = try #require(test.broker.calls.value.first)
            #expect(call.request.model == "cold")
            #expect(call.request.bytes == "{\"model\":\"cold\"}".utf8.count)
        }
    }

    @Test("With all permits taken, a request waits")
    func noPermit() async throws {
        try await TestGateway.run(permits: 1) { test in
            let first = try await test.client()
            try await first.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            let second = try await test.client()
            try await second.send(TestGateway.post(more: ",\"n\":2"))
            _ = try await test.broker.calls.wait(for: "the call") { $0.isEmpty ? nil : true }
            try await engine.send(TestGateway.ok("1"))
            #expect(try await first.message().body == "1")
            #expect(test.permits.take())
            let admission = Admission(route: test.route, tier: .hot, timings: [])
            try await test.broker.answer(0, with: .success(admission))
            #expect(try await engine.message().body == "{\"model\":\"hot\",\"n\":2}")
            try await engine.send(TestGateway.ok("2"))
            #expect(try await second.message().body == "2")
            #expect(test.permits.inFlight == 0)
        }
    }

    @Test("A draining engine gets nothing more, and knows when its last request has ended")
    func draining() async throws {
        try await TestGateway.run { test in
            let first = try await test.client()
            try await first.send(TestGateway.post())
            let engine = try await test.engine.connection()
            _ = try await engine.message()
            test.permits.close()
            let second = try await test.client()
            try await second.send(TestGateway.post())
            _ = try await test.broker.calls.wait(for: "the call") { $0.isEmpty ? nil : true }
            #expect(test.engine.connectionCount == 1)
            #expect(!test.permits.closeIfIdle())
            try await engine.send(TestGateway.ok("1"))
            _ = try await first.message()
            #expect(test.permits.closeIfIdle())
        }
    }

    @Test("A client that leaves withdraws its request")
    func clientLeaves() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post(model: "cold"))
            _ = try await test.broker.calls.wait(for: "the call") { $0.isEmpty ? nil : true }
            try await client.close()
            _ = try await test.broker.calls.wait(for: "the cancellation") { $0[0].isCancelled ? true : nil }
        }
    }

    @Test("A permit that comes for a client that has just left is given back")
    func lateAdmission() async throws {
        try await TestGateway.run { test in
            let broker = test.broker
            let client = try await test.client()
            try await client.send(TestGateway.post(model: "cold"))
            let continuation = try await broker.calls.wait(for: "the call") { $0.first?.continuation }
            // The broker answers in the moment in which the request is withdrawn: the withdrawal finds nobody.
            broker.calls.update { $0[0].continuation = nil }
            try await client.close()
            _ = try await broker.calls.wait(for: "the cancellation") { $0[0].isCancelled ? true : nil }
            let released = Watched(false)
            let permits = EnginePermits(limit: 1) { released.update { $0 = true } }
            permits.watch()
            continuation.resume(returning: test.admission(to: test.engine, permits: permits))
            _ = try await released.wait(for: "the release") { $0 ? true : nil }
            #expect(permits.inFlight == 0)
            #expect(test.engine.connectionCount == 0)
        }
    }

    @Test("A refusal of the broker is told with its reason and its time")
    func refused() async throws {
        try await TestGateway.run { test in
            let client = try await test.client()
            try await client.send(TestGateway.post(model: "cold"))
            let error = ControllerError(
                .startFailed, "The model did not start.", retryAfter: .milliseconds(2100), logTail: ["no such \"file\""]
            )
            try await test.broker.answer(0, with: .failure(error))
            let answer = try await client.message()
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] == "3")
            #expect(answer.body.contains("no such \\\"file\\\""))
            #expect(answer.body.contains("\"code\":\"start_failed\""))
        }
    }
}
