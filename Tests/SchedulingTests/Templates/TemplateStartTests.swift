import Scheduling
import Testing

/// What an engine is started from.
@Suite struct TemplateStartTests {
    private var harness = Harness(models: [.named("a", hasTemplate: true)])

    init() { harness.boot() }

    private func template(of engine: EngineID) -> ProcessID? { harness.scheduler.engines[engine]?.template }

    @Test mutating func aReadyTemplateGivesItsProcessesAndForksOthers() throws {
        let process = try harness.makeTemplate("a")
        let request = harness.request("a")
        let engine = try #require(harness.engine(of: "a"))
        let decided = harness.send(.inspected(engine, .weighing(0)))
        let assignment = try #require(decided.assignments.first)
        for member in [assignment.core, assignment.frontEnd] {
            #expect(harness.scheduler.processes[member]?.template == process)
        }
        #expect(decided.forks(from: process) == [.core, .frontEnd])
        #expect(decided.forks.count == 2)
        // Without weights of its own, the template spares no memory.
        #expect(harness.scheduler.engines[engine]?.footprint == mebibytes(2048))
        harness.send(.ready(engine, try harness.generation(of: engine)))
        let tiers = harness.actions.compactMap { if case .admit(request, _, let tier, _) = $0 { tier } else { nil } }
        #expect(tiers == [.warm])
        harness.wait(.milliseconds(1))
        let hot = harness.request("a")
        #expect(
            harness.actions.last
                == .admit(hot, engine, tier: .hot, timings: [StageTime(stage: "queue", milliseconds: 0)]))
    }

    @Test mutating func whileItIsMadeAStartIsGeneric() throws {
        harness.inspectTemplate("a")
        _ = harness.request("a")
        let engine = try harness.inspect("a")
        #expect(harness.phase(of: "a") == .starting)
        #expect(harness.scheduler.engines[engine]?.startTier == .cold)
        #expect(template(of: engine) == nil)
    }

    @Test mutating func aPairThatIsNotIdleYetIsWaitedFor() throws {
        harness.inspectTemplate("a")
        let process = try #require(harness.template(of: "a")?.process)
        harness.send(.processIdle(process))
        try harness.finishPreparing("a")
        _ = harness.request("a")
        let engine = try harness.inspect("a")
        #expect(harness.phase(of: "a") == .placing)
        harness.fillPools()
        #expect(harness.phase(of: "a") == .starting)
        #expect(template(of: engine) == process)
    }

    @Test func withNoneKeptWarmItForksOnDemand() throws {
        var harness = Harness(models: [.named("a", hasTemplate: true)], limits: .with(idleWorkers: 0))
        harness.boot()
        let process = try harness.makeTemplate("a")
        #expect(harness.spares(of: "a") == [])
        _ = harness.request("a")
        let engine = try harness.inspect("a")
        #expect(harness.actions.forks(from: process) == [.core, .frontEnd])
        // And nothing generic.
        #expect(harness.actions.forks == [.template, .core, .frontEnd])
        harness.fillPools()
        #expect(harness.scheduler.engines[engine]?.template == process)
        #expect(harness.spares(of: "a") == [])
    }

    @Test func itsDeviceIsPreferredAndLeftWhereItHasNoRoom() throws {
        let models: [ModelSpecification] = [
            .named("a", gibibytes: 3, hasTemplate: true), .named("b", gibibytes: 3), .named("c", gibibytes: 2),
        ]
        var harness = Harness(models: models, devices: [.gibibytes(2), .gibibytes(4, id: "cpu:1")])
        harness.boot()
        let process = try harness.makeTemplate("a")
        harness.send(.tick)
        let engine = try harness.start("a")
        #expect(harness.scheduler.engines[engine]?.device == DeviceID("cpu:1"))
        #expect(harness.scheduler.engines[engine]?.template == process)
    }

    @Test func aGenericStartIsMadeWhereverElseItFits() throws {
        let models: [ModelSpecification] = [.named("a", gibibytes: 3, hasTemplate: true), .named("b", gibibytes: 3)]
        var harness = Harness(models: models, devices: [.gibibytes(4), .gibibytes(4, id: "cpu:1")])
        harness.boot()
        try harness.makeTemplate("a")
        _ = try harness.start("b")
        let engine = try harness.start("a")
        #expect(harness.scheduler.engines[engine]?.device == DeviceID("cpu:1"))
        #expect(harness.scheduler.engines[engine]?.startTier == .cold)
        #expect(harness.template(of: "a")?.phase == .ready)
    }

    // MARK: Files that have changed

    @Test mutating func aTemplateOfOtherFilesIsEndedAndTheStartGoesOn() throws {
        let process = try harness.makeTemplate("a")
        let spares = Set(harness.spares(of: "a").map(\.id))
        let request = harness.request("a")
        let engine = try #require(harness.engine(of: "a"))
        let decided = harness.send(.inspected(engine, .weighing(0, fingerprint: "second")))
        #expect(Set(decided.ends) == spares.union([process]))
        #expect(harness.scheduler.engines[engine]?.startTier == .cold)
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
        // Nothing failed: it is made anew from the new files as soon as the old one is gone.
        #expect(harness.actions.templateInspections == ["a"])
        harness.endProcesses()
        harness.fillPools()
        #expect(harness.actions.templateInspections == ["a", "a"])
        harness.inspectTemplate("a", fingerprint: "second")
        #expect(harness.template(of: "a")?.fingerprint == "second")
    }

    @Test mutating func oneThatIsStillBeingMadeIsEndedAsWell() throws {
        harness.inspectTemplate("a")
        let process = try #require(harness.template(of: "a")?.process)
        harness.send(.processIdle(process))
        _ = harness.request("a")
        let engine = try #require(harness.engine(of: "a"))
        #expect(harness.send(.inspected(engine, .weighing(0, fingerprint: "second"))).ends == [process])
        #expect(harness.phase(of: "a") == .starting)
    }

    @Test mutating func weightsOfOtherFilesAreNeverServed() throws {
        try harness.makeTemplate("a")
        try harness.putToSleep("a")
        let spares = Set(harness.spares(of: "a").map(\.id))
        let wake = harness.wake("a")
        let engine = try harness.inspect("a", fingerprint: "second")
        #expect(spares.isSubset(of: Set(harness.actions.ends)))
        #expect(harness.scheduler.engines[engine]?.startTier == .cold)
        #expect(harness.scheduler.engines[engine]?.footprint == mebibytes(2048))
        try harness.becomeReady("a")
        #expect(harness.isLoaded(wake))
    }
}
