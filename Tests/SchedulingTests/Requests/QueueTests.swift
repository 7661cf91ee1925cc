import Scheduling
import Testing

@Suite struct QueueTests {
    @Test func theQueueIsFullByNumberOverAllModels() throws {
        var harness = Harness(limits: .with(queue: 2))
        harness.boot()
        let first = harness.request("a")
        _ = harness.request("b")
        let third = harness.request("a")
        #expect(try harness.refusal(of: third).code == .queueFull)
        // A place that is free again is given.
        harness.send(.withdraw(first))
        let fourth = harness.request("a")
        #expect(harness.outcomes(of: fourth) == [])
    }

    @Test func theQueueIsFullByBytes() throws {
        var harness = Harness(limits: .with(queueBytes: 1000))
        harness.boot()
        _ = harness.request("a", bytes: 600)
        let tooMuch = harness.request("b", bytes: 401)
        #expect(try harness.refusal(of: tooMuch).code == .queueFull)
        let exactlyFits = harness.request("b", bytes: 400)
        #expect(harness.outcomes(of: exactlyFits) == [])
    }

    @Test func aFullQueueTellsWhenToTryAgainFromTheLastStart() throws {
        var harness = Harness(models: [.named("a", concurrency: 1)], limits: .with(queue: 1))
        harness.boot()
        let admitted = harness.request("a")
        let engine = try harness.inspect("a")
        let early = harness.request("a")
        #expect(try harness.refusal(of: early).retryAfter == nil)  // nothing was measured yet
        harness.wait(.seconds(3))
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: admitted) == [.admitted(engine)])
        harness.inFlight[engine] = 1
        _ = harness.request("a")
        let late = harness.request("a")
        #expect(try harness.refusal(of: late).retryAfter == .seconds(3))
    }

    @Test func aRequestWaitsAsLongAsItMayAndNoLonger() throws {
        var harness = Harness(limits: .with(queueTimeout: .seconds(30)))
        harness.boot()
        let request = harness.request("a")
        _ = try harness.inspect("a")
        harness.wait(.milliseconds(29_999))
        #expect(harness.outcomes(of: request) == [])
        harness.wait(.milliseconds(1))
        let error = try harness.refusal(of: request)
        #expect(error.code == .deadlinePassed)
        #expect(error.message.contains("starting"))
        // The start goes on without it.
        try harness.becomeReady("a")
        #expect(harness.phase(of: "a") == .ready)
        #expect(harness.outcomes(of: request).count == 1)
    }
}
