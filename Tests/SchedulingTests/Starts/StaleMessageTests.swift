import Scheduling
import Testing

/// What comes too late, twice, or from nobody that is known changes nothing.
@Suite struct StaleMessageTests {
    private var harness = Harness()

    init() { harness.boot() }

    /// The state, as far as tests can see it.
    private func expectUnchanged(
        _ before: Harness, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(harness.actions == before.actions, sourceLocation: sourceLocation)
        #expect(harness.scheduler.engines == before.scheduler.engines, sourceLocation: sourceLocation)
        #expect(harness.scheduler.processes == before.scheduler.processes, sourceLocation: sourceLocation)
        #expect(harness.scheduler.models == before.scheduler.models, sourceLocation: sourceLocation)
        #expect(harness.scheduler.runtimes == before.scheduler.runtimes, sourceLocation: sourceLocation)
    }

    @Test(arguments: [
        Generation(epoch: 3, counter: 0), Generation(epoch: 2, counter: 1), Generation(epoch: 3, counter: 9),
    ])
    mutating func anotherGenerationIsNotHeard(other: Generation) throws {
        let request = harness.request("a")
        let engine = try harness.inspect("a")
        let before = harness
        harness.send(.stage(engine, other, StageTime(stage: "load", milliseconds: 1)))
        harness.send(.ready(engine, other))
        harness.send(.startFailed(engine, other, reason: "an old one"))
        expectUnchanged(before)
        #expect(harness.outcomes(of: request) == [])
    }

    @Test mutating func whatNobodyKnowsIsNotHeard() throws {
        _ = harness.request("a")
        _ = try harness.inspect("a")
        let before = harness
        let engine = EngineID("e-77")
        let process = ProcessID("p-77")
        let generation = Generation(epoch: 3, counter: 77)
        let events: [SchedulerEvent] = [
            .withdraw(RequestID(77)), .permitReleased(engine), .zygoteReady(process), .processIdle(process),
            .processGone(process, reason: "?"), .inspected(engine, .weighing(1)),
            .inspectionFailed(engine, ControllerError(.startFailed, "?")),
            .stage(engine, generation, StageTime(stage: "load", milliseconds: 1)), .ready(engine, generation),
            .startFailed(engine, generation, reason: "?"), .measured(engine, bytes: 1), .evictionRefused(engine), .tick,
        ]
        for event in events { harness.send(event) }
        expectUnchanged(before)
    }

    @Test mutating func whatComesTwiceCountsOnce() throws {
        _ = harness.request("a")
        let engine = try harness.inspect("a")
        try harness.becomeReady("a")
        harness.fillPools()
        let generation = try harness.generation(of: engine)
        let zygote = try #require(harness.processes(.zygote, .idle).first)
        let core = try #require(harness.processes(.core, .idle).first)
        let leased = try #require(harness.scheduler.engines[engine]?.core)
        let before = harness
        harness.send(.inspected(engine, .weighing(5 << 30)))
        harness.send(.stage(engine, generation, StageTime(stage: "load", milliseconds: 1)))
        harness.send(.ready(engine, generation))
        harness.send(.startFailed(engine, generation, reason: "late"))
        harness.send(.zygoteReady(zygote))
        harness.send(.processIdle(core))
        // One that is leased can not become idle by saying so.
        harness.send(.processIdle(leased))
        expectUnchanged(before)
    }

    @Test func aRoleCanNotBeMistaken() throws {
        var harness = Harness()
        let zygote = try #require(harness.send(.tick).zygoteStarts.first)
        harness.send(.processIdle(zygote))
        #expect(harness.scheduler.processes[zygote]?.state == .starting)
        harness.send(.zygoteReady(zygote))
        let core = try #require(harness.processes(.core, .starting).first)
        harness.send(.zygoteReady(core))
        #expect(harness.scheduler.processes[core]?.state == .starting)
    }

    @Test mutating func aLateReadyDoesNotUndoAnUnload() throws {
        _ = harness.load("a")
        let engine = try harness.inspect("a")
        let generation = try harness.generation(of: engine)
        let unload = harness.unload("a")
        harness.send(.ready(engine, generation))
        #expect(harness.phase(of: "a") == .stopping)
        harness.endProcesses()
        harness.send(.ready(engine, generation))
        #expect(harness.unloaded(unload) == [engine])
        #expect(harness.engine(of: "a") == nil)
    }
}
