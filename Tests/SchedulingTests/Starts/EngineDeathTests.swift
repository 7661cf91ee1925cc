import Scheduling
import Testing

/// Engines that die when they were ready.
@Suite struct EngineDeathTests {
    private var harness = Harness(models: [.named("a", concurrency: 1), .named("b")])

    init() { harness.boot() }

    @Test mutating func whoWaitsGetsANewEngine() throws {
        let dead = try harness.start("a")
        harness.inFlight[dead] = 1
        let request = harness.request("a")
        harness.wait(.seconds(60))
        let core = try #require(harness.scheduler.engines[dead]?.core)
        let decided = harness.send(.processGone(core, reason: "killed by signal 9"))
        #expect(decided.contains(.publishRoutes))
        #expect(harness.scheduler.tier(of: "a") == .cold)
        #expect(harness.scheduler.models["a"]?.lastError?.code == .engineDied)
        // Its memory is not given away before the front end is gone as well.
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == 2 << 30)
        harness.endProcesses()
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == 0)

        let engine = try harness.inspect("a")
        #expect(engine != dead)
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
    }

    @Test mutating func withNobodyWaitingNoneIsMade() throws {
        let engine = try harness.start("a")
        try harness.killCore(of: engine)
        harness.endProcesses()
        #expect(harness.engine(of: "a") == nil)
        #expect(harness.scheduler.models["a"]?.backoff.remaining(at: harness.now) == nil)
    }

    @Test mutating func dyingSoonIsAnAccidentOnceAndAFailureTwice() throws {
        try harness.killCore(of: try harness.start("a"))
        harness.endProcesses()
        #expect(harness.scheduler.models["a"]?.backoff.remaining(at: harness.now) == nil)

        let second = try harness.start("a")
        harness.inFlight[second] = 1
        let waiting = harness.request("a")
        harness.wait(.seconds(9))
        try harness.killCore(of: second)
        harness.endProcesses()
        let error = try harness.refusal(of: waiting)
        #expect(error.code == .backingOff)
        #expect(error.retryAfter == .seconds(1))
        #expect(error.message.contains("killed by signal 9"))
    }

    @Test mutating func oneThatLivedLongStartsTheCountAnew() throws {
        for _ in 0..<3 {
            let engine = try harness.start("a")
            harness.wait(.seconds(10))
            try harness.killCore(of: engine)
            harness.endProcesses()
            #expect(harness.scheduler.models["a"]?.backoff.remaining(at: harness.now) == nil)
        }
    }

    @Test mutating func bothProcessesMayDieTogether() throws {
        let engine = try harness.start("a")
        let members = try #require(harness.scheduler.engines[engine]).processes
        for member in members { harness.send(.processGone(member, reason: "killed by signal 9")) }
        #expect(harness.engine(of: "a") == nil)
        // One death, though two processes died: two would mean a pause.
        #expect(harness.scheduler.models["a"]?.lastError?.code == .engineDied)
        #expect(harness.scheduler.models["a"]?.backoff.failures == 0)
    }

    @Test mutating func othersLiveOn() throws {
        let a = try harness.start("a")
        let b = try harness.start("b")
        try harness.killCore(of: a)
        #expect(harness.scheduler.engines[b]?.phase == .ready)
        let request = harness.request("b")
        #expect(harness.outcomes(of: request) == [.admitted(b)])
    }
}
