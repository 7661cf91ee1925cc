import Scheduling
import Testing

@Suite struct UnloadTests {
    private var harness = Harness()

    init() { harness.boot() }

    @Test mutating func anIdleEngineEndsAndItsMemoryIsSeenFree() throws {
        let engine = try harness.start("a")
        let members = try #require(harness.scheduler.engines[engine]).processes
        let unload = harness.unload("a")
        #expect(Array(harness.actions.suffix(3)) == [.publishRoutes, .drain(engine), .watch(engine, below: 1)])
        #expect(Set(harness.send(.permitReleased(engine)).ends) == Set(members))
        harness.send(.processGone(members[0], reason: "it was asked to"))
        #expect(harness.unloaded(unload) == nil)
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == 2 << 30)
        harness.send(.processGone(members[1], reason: "it was asked to"))
        #expect(harness.unloaded(unload) == [engine])
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == 0)
    }

    @Test mutating func requestsInFlightAreWaitedFor() throws {
        let engine = try harness.start("a")
        harness.inFlight[engine] = 2
        _ = harness.unload("a")
        harness.inFlight[engine] = 1
        #expect(harness.send(.permitReleased(engine)) == [.watch(engine, below: 1)])
        harness.inFlight[engine] = 0
        #expect(harness.send(.permitReleased(engine)).ends.count == 2)
    }

    @Test mutating func butNotForEver() throws {
        let engine = try harness.start("a")
        harness.inFlight[engine] = 1
        let unload = harness.unload("a")
        #expect(harness.wait(.milliseconds(59_999)) == [])
        #expect(harness.wait(.milliseconds(1)).ends.count == 2)
        harness.endProcesses()
        #expect(harness.unloaded(unload) == [engine])
    }

    @Test mutating func whoWaitsForAPermitIsToldAndStartsNothing() throws {
        let engine = try harness.start("a")
        harness.inFlight[engine] = 4
        let request = harness.request("a")
        let unload = harness.unload("a")
        let error = try harness.refusal(of: request)
        #expect(error.code == .conflict)
        #expect(error.message == "The model was unloaded while this waited.")
        harness.inFlight[engine] = 0
        harness.send(.permitReleased(engine))
        harness.endProcesses()
        #expect(harness.unloaded(unload) == [engine])
        #expect(harness.engine(of: "a") == nil)
    }

    @Test mutating func twoUnloadsShareTheEnd() throws {
        let engine = try harness.start("a")
        let unloads = [harness.unload("a"), harness.unload("a")]
        harness.send(.permitReleased(engine))
        let third = harness.unload("a")
        harness.endProcesses()
        for unload in unloads + [third] { #expect(harness.unloaded(unload) == [engine]) }
    }

    @Test mutating func whatIsNotLoadedIsUnloadedAlready() {
        let unload = harness.unload("a")
        let unknown = harness.unload("nobody")
        #expect(harness.unloaded(unload) == [])
        #expect(harness.unloaded(unknown) == [])
    }

    @Test(arguments: [EnginePhase.queued, .placing, .starting])
    func aStartIsCalledOff(in phase: EnginePhase) throws {
        var harness = Harness()
        harness.send(.tick)
        if phase == .starting { harness.boot() }
        let request = harness.request("a")
        let load = harness.load("a")
        if phase != .queued { _ = try harness.inspect("a") }
        #expect(harness.phase(of: "a") == phase)
        let engine = try #require(harness.engine(of: "a"))
        let unload = harness.unload("a")
        #expect(try harness.refusal(of: request).code == .conflict)
        #expect(harness.loadFailure(load)?.code == .conflict)
        harness.endProcesses()
        #expect(harness.unloaded(unload) == [engine])
        #expect(harness.engine(of: "a") == nil)
        // It was wanted so: no pause before the next start.
        let next = harness.request("a")
        #expect(harness.outcomes(of: next) == [])
    }

    @Test mutating func anEngineThatDiesWhileItDrainsIsUnloaded() throws {
        let engine = try harness.start("a")
        harness.inFlight[engine] = 1
        let unload = harness.unload("a")
        try harness.killCore(of: engine)
        harness.endProcesses()
        #expect(harness.unloaded(unload) == [engine])
    }
}
