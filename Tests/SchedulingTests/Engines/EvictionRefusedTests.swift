import Scheduling
import Testing

/// A request came between the decision to evict and the eviction.
@Suite struct EvictionRefusedTests {
    private var harness: Harness
    private let engine: EngineID

    init() throws {
        harness = Harness(models: [.named("a"), .named("c", gibibytes: 3)], devices: [.gibibytes(4)])
        harness.boot()
        engine = try harness.start("a")
        harness.wait(.seconds(20))
        _ = harness.load("c")
        _ = try harness.inspect("c")
        #expect(harness.actions.evictions == [engine])
        harness.inFlight[engine] = 1
    }

    @Test mutating func theEngineServesOnUntilItIsIdleAgain() {
        let decided = harness.send(.evictionRefused(engine))
        #expect(decided.contains(.publishRoutes))
        #expect(decided.last == .watch(engine, below: 1))
        #expect(harness.phase(of: "a") == .ready)
        harness.inFlight[engine] = 0
        #expect(harness.send(.permitReleased(engine)).evictions == [engine])
    }

    @Test mutating func aRequestThatCameMeanwhileIsServedAtOnce() {
        let request = harness.request("a")
        #expect(harness.outcomes(of: request) == [])
        harness.send(.evictionRefused(engine))
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
    }

    @Test mutating func anUnloadThatCameMeanwhileHolds() {
        let unload = harness.unload("a")
        #expect(harness.send(.evictionRefused(engine)).contains(.drain(engine)))
        #expect(harness.phase(of: "a") == .draining)
        harness.inFlight[engine] = 0
        harness.send(.permitReleased(engine))
        harness.endProcesses()
        #expect(harness.unloaded(unload) == [engine])
    }

    @Test mutating func aShutdownThatCameMeanwhileHolds() {
        harness.send(.shutdown)
        #expect(harness.send(.evictionRefused(engine)).contains(.drain(engine)))
        harness.inFlight[engine] = 0
        harness.send(.permitReleased(engine))
        harness.endProcesses()
        harness.endProcesses()
        harness.endProcesses()
        #expect(harness.actions.last == .finished)
    }
}
