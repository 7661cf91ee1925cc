import Scheduling
import Testing

/// A template that fails is nothing to anybody but its model, which is cold with the reason.
@Suite struct TemplateFailureTests {
    private var harness = Harness(models: [.named("a", hasTemplate: true), .named("b", hasTemplate: true)])

    init() { harness.boot() }

    /// The next template of the model comes after this pause, and not before; others are made meanwhile.
    private mutating func expectPause(_ pause: Duration, sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(harness.scheduler.tier(of: "a") == .cold, sourceLocation: sourceLocation)
        if harness.template(of: "b")?.phase == .inspecting { try harness.makeTemplate("b") }
        harness.endProcesses()
        let before = harness.actions.templateInspections.count
        harness.wait(pause - .milliseconds(1))
        #expect(harness.actions.templateInspections.count == before, sourceLocation: sourceLocation)
        harness.wait(.milliseconds(1))
        #expect(harness.actions.templateInspections.last == "a", sourceLocation: sourceLocation)
        #expect(harness.template(of: "b")?.phase == .ready, sourceLocation: sourceLocation)
    }

    @Test mutating func aFolderThatCannotBeRead() throws {
        let missing = ControllerError(.startFailed, "The folder 'models/a' is not there.")
        let decided = harness.send(.templateInspectionFailed(model: "a", missing))
        #expect(decided == [.inspectForTemplate(model: "b")])
        #expect(harness.scheduler.models["a"]?.templateError == missing)
        try expectPause(.seconds(1))
        harness.send(.templateInspectionFailed(model: "a", missing))
        try expectPause(.seconds(2))
        try harness.makeTemplate("a")
        #expect(harness.scheduler.models["a"]?.templateError == nil)
    }

    @Test mutating func aModelWhoseCodeRaises() throws {
        harness.inspectTemplate("a")
        let process = try #require(harness.template(of: "a")?.process)
        harness.send(.processIdle(process))
        let decided = harness.send(.preparationFailed(process, reason: "NameError: name 'torhc' is not defined"))
        #expect(decided.ends == [process])
        let error = harness.scheduler.models["a"]?.templateError
        #expect(error?.message == "The template of 'a' failed: NameError: name 'torhc' is not defined")
        try expectPause(.seconds(1))
    }

    @Test mutating func oneThatDiesBeforeItIsUp() throws {
        harness.inspectTemplate("a")
        let process = try #require(harness.template(of: "a")?.process)
        harness.send(.processGone(process, reason: "killed by signal 9"))
        #expect(harness.scheduler.models["a"]?.templateError?.message.contains("killed by signal 9") == true)
        try expectPause(.seconds(1))
    }

    @Test mutating func oneThatHangsBeforeItIsUp() throws {
        harness.inspectTemplate("a")
        let process = try #require(harness.template(of: "a")?.process)
        #expect(harness.wait(.milliseconds(29_999)) == [])
        #expect(harness.wait(.milliseconds(1)).ends == [process])
        // Its memory counts until it is gone.
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == mebibytes(128))
        try expectPause(.seconds(1))
    }

    @Test mutating func oneThatHangsWhileItPrepares() throws {
        harness.inspectTemplate("a")
        let process = try #require(harness.template(of: "a")?.process)
        harness.send(.processIdle(process))
        #expect(harness.wait(.milliseconds(89_999)) == [])
        #expect(harness.wait(.milliseconds(1)).ends == [process])
        // It may be done after all; nobody wants it any more.
        #expect(harness.send(.prepared(process, isLoaded: false, stages: [])) == [])
        try expectPause(.seconds(1))
    }

    @Test mutating func aFileSystemThatHangs() throws {
        harness.wait(.seconds(90))
        #expect(harness.scheduler.models["a"]?.templateError?.message.contains("start_timeout") == true)
        #expect(harness.actions.ends == [])
        harness.inspectTemplate("a")
        #expect(harness.template(of: "a") == nil)
        try expectPause(.seconds(1))
    }

    @Test mutating func oneThatDiesLaterTakesItsIdleProcessesAndNoEngine() throws {
        let process = try harness.makeTemplate("a")
        try harness.makeTemplate("b")
        let engine = try harness.start("a")
        #expect(harness.scheduler.engines[engine]?.startTier == .warm)
        harness.wait(.seconds(60))
        let spares = Set(harness.spares(of: "a").map(\.id))
        #expect(spares.count == 2)
        #expect(Set(harness.send(.processGone(process, reason: "killed by signal 9")).ends) == spares)
        #expect(harness.phase(of: "a") == .ready)
        let request = harness.request("a")
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
        harness.endProcesses()
        harness.wait(.seconds(1))
        try harness.makeTemplate("a")
        #expect(harness.scheduler.models["a"]?.templateError == nil)
    }

    @Test mutating func dyingSoonAgainAndAgainIsPausedForLonger() throws {
        for pause in [1, 2, 4] {
            let process = try harness.makeTemplate("a")
            harness.send(.processGone(process, reason: "killed by signal 9"))
            try expectPause(.seconds(pause))
        }
        let process = try harness.makeTemplate("a")
        harness.wait(.seconds(10))
        harness.send(.processGone(process, reason: "killed by signal 9"))
        try expectPause(.seconds(1))
    }

    @Test mutating func oneWhoseProcessesNeverComeUpIsAtFault() throws {
        harness.inspectTemplate("a")
        let process = try #require(harness.template(of: "a")?.process)
        harness.send(.processIdle(process))
        try harness.finishPreparing("a")
        for failure in 1...3 {
            #expect(harness.template(of: "a")?.phase == .ready)
            let spare = try #require(harness.spares(of: "a").first { $0.state == .starting && $0.role == .core })
            #expect(harness.send(.processGone(spare.id, reason: "no memory")).forks == [])
            if failure < 3 {
                #expect(harness.wait(.milliseconds(failure * 1000 - 1)) == [])
                #expect(harness.wait(.milliseconds(1)).forks(from: process) == [.core])
            }
        }
        #expect(harness.scheduler.models["a"]?.templateError?.message.contains("no memory") == true)
        #expect(harness.spares(of: "a").isEmpty)
        try expectPause(.seconds(1))
    }

    @Test func whatFailsTogetherIsOneFailure() throws {
        var harness = Harness(models: [.named("a", hasTemplate: true)], limits: .with(idleWorkers: 3))
        harness.boot()
        harness.inspectTemplate("a")
        let process = try #require(harness.template(of: "a")?.process)
        harness.send(.processIdle(process))
        try harness.finishPreparing("a")
        // As when the template is asked while its connection is away.
        for spare in harness.spares(of: "a") { harness.send(.processGone(spare.id, reason: "not connected")) }
        #expect(harness.template(of: "a")?.phase == .ready)
        #expect(harness.wait(.seconds(1)).forks(from: process).count == 6)
        harness.fillPools()
        #expect(harness.processes(.core, .idle).count == 6)
        #expect(harness.scheduler.nextDeadline == nil)
    }

    @Test mutating func accidentsThatAreFarApartAreNone() throws {
        try harness.makeTemplate("a")
        for _ in 0..<4 {
            let spare = try #require(harness.spares(of: "a").first)
            harness.send(.processGone(spare.id, reason: "killed by signal 9"))
            harness.wait(.seconds(1))
            harness.fillPools()
            harness.wait(.seconds(60))
        }
        #expect(harness.template(of: "a")?.phase == .ready)
    }

    @Test mutating func aStartGoesFromGenericProcessesMeanwhile() throws {
        harness.send(.templateInspectionFailed(model: "a", ControllerError(.startFailed, "No config.")))
        let request = harness.request("a")
        let engine = try harness.inspect("a")
        #expect(harness.scheduler.engines[engine]?.startTier == .cold)
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
    }

    enum Failure: CaseIterable { case reason, death, hang }

    @Test(arguments: Failure.allCases)
    mutating func oneFromWhichAnEngineDoesNotStartIsAtFaultAsWell(_ failure: Failure) throws {
        let process = try harness.makeTemplate("a")
        try harness.makeTemplate("b")
        let request = harness.request("a")
        let failed = try harness.inspect("a")
        #expect(harness.scheduler.engines[failed]?.startTier == .warm)
        harness.fillPools()
        switch failure {
        case .reason:
            harness.send(.startFailed(failed, try harness.generation(of: failed), reason: "no such layer"))
        case .death: try harness.killCore(of: failed)
        case .hang: harness.wait(.seconds(90))
        }
        #expect(harness.outcomes(of: request) == [.refused(.startFailed)])
        #expect(harness.scheduler.processes[process]?.state == .ending(nil))
        #expect(harness.scheduler.models["a"]?.templateError?.message.contains("did not start from it") == true)
        harness.endProcesses()
        harness.wait(.seconds(1))
        try harness.makeTemplate("a")
        // However soon it is back, the next start is made without it; and once that was well, the one after with it.
        let next = try harness.start("a")
        #expect(harness.scheduler.engines[next]?.startTier == .cold)
        _ = harness.unload("a")
        harness.endEngine(next)
        let last = try harness.start("a")
        #expect(harness.scheduler.engines[last]?.startTier == .warm)
    }

    @Test mutating func aGenericStartThatFailsIsNothingToIt() throws {
        _ = harness.request("a")
        let engine = try harness.inspect("a")
        #expect(harness.scheduler.engines[engine]?.startTier == .cold)
        harness.send(.startFailed(engine, try harness.generation(of: engine), reason: "no such layer"))
        #expect(harness.template(of: "a")?.phase == .inspecting)
        #expect(harness.scheduler.models["a"]?.templateError == nil)
    }

    @Test mutating func theZygotesDeathIsNothingToIt() throws {
        try harness.makeTemplate("a")
        let zygote = try #require(harness.scheduler.runtimes[.simulated]?.zygote)
        harness.wait(.seconds(60))
        #expect(harness.send(.processGone(zygote, reason: "killed by signal 9")).ends == [])
        let engine = try harness.start("a")
        #expect(harness.scheduler.engines[engine]?.startTier == .warm)
        #expect(harness.spares(of: "a").count == 2)
    }
}
