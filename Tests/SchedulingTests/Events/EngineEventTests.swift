import Scheduling
import Testing

@Suite struct EngineEventTests {
    private static func booted(
        _ models: [ModelSpecification] = [.named("a"), .named("b")], limits: SchedulingLimits = .roomy
    ) -> ObservedHarness {
        var observed = ObservedHarness(Harness(models: models, limits: limits))
        observed.boot()
        return observed
    }

    @Test func aRuntimeComesAndGoes() throws {
        var observed = Self.booted()
        #expect(observed.all.map(\.kind) == [.runtimeReady])
        #expect(observed.all.first?.runtime == "simulated")
        let zygote = try #require(observed.harness.processes(.zygote, .idle).first)
        observed.send(.processGone(zygote, reason: "killed by signal 9"))
        #expect(try observed.event(.runtimeDown).reason == "killed by signal 9")
    }

    @Test func aStartFromTheWishToReady() throws {
        var observed = Self.booted()
        _ = observed.act { $0.load("a") }
        #expect(observed.kinds == [.engineQueued])
        observed.act { _ = $0.wait(.milliseconds(40)) }
        try observed.act { _ = try $0.inspect("a") }
        let placed = try observed.event(.enginePlaced)
        #expect(placed.engine == "e-1")
        #expect(placed.model == "a")
        #expect(placed.device == "cpu:0")
        #expect(placed.tier == .cold)
        #expect(placed.milliseconds == 40)
        observed.act { _ = $0.wait(.milliseconds(60)) }
        try observed.act { _ = try $0.becomeReady("a") }
        #expect(observed.kinds == [.engineReady, .modelTier])
        #expect(try observed.event(.engineReady).milliseconds == 100)
        #expect(try observed.event(.modelTier).tier == .hot)
    }

    @Test func anUnload() throws {
        var observed = Self.booted()
        let engine = try observed.start("a")
        _ = observed.act { $0.unload("a") }
        #expect(observed.kinds == [.engineDraining, .modelTier])
        observed.send(.permitReleased(engine))
        #expect(observed.kinds == [])
        let processes = try #require(observed.harness.scheduler.engines[engine]).processes
        observed.send(.processGone(processes[0], reason: "asked to"))
        observed.send(.processGone(processes[1], reason: "asked to"))
        #expect(observed.kinds == [.engineGone])
        #expect(observed.events.first?.model == "a")
    }

    @Test func aFailedStartHasItsReason() throws {
        var observed = Self.booted()
        _ = observed.act { $0.load("a") }
        let engine = try observed.act { try $0.inspect("a") }
        let generation = try observed.harness.generation(of: engine)
        observed.send(.startFailed(engine, generation, reason: "no such tokenizer"))
        #expect(observed.kinds == [.engineFailed])
        let failed = try observed.event(.engineFailed)
        #expect(failed.reason?.contains("no such tokenizer") == true)
        #expect(failed.tier == .cold)
        #expect(failed.engine == "e-1")
    }

    /// It is over in the step in which that is known, and the next like it is told all the same.
    @Test func oneThatNeverHadAPlaceIsToldToo() throws {
        var observed = Self.booted([.named("a", gibibytes: 64)])
        for round in 1...2 {
            _ = observed.act { $0.load("a") }
            try observed.act { _ = try $0.inspect("a") }
            let failed = try observed.event(.engineFailed)
            #expect(failed.engine == "e-\(round)")
            #expect(failed.reason?.contains("does not fit") == true)
            #expect(failed.tier == nil)
        }
    }

    @Test func aDeathIsNoFailedStart() throws {
        var observed = Self.booted()
        let engine = try observed.start("a")
        try observed.act { try $0.killCore(of: engine) }
        #expect(observed.kinds == [.engineDied, .modelTier])
        #expect(try observed.event(.engineDied).reason == "killed by signal 9")
        #expect(try observed.event(.modelTier).tier == .cold)
    }

    @Test func anEvictionThatIsCalledOffIsNoStart() throws {
        var observed = Self.booted([.named("a", gibibytes: 6), .named("b", gibibytes: 6)])
        let engine = try observed.start("a")
        observed.act { _ = $0.wait(.seconds(20)) }
        _ = observed.act { $0.load("b") }
        try observed.act { _ = try $0.inspect("b") }
        #expect(observed.kinds.contains(.engineDraining))
        observed.harness.inFlight[engine] = 1
        observed.send(.evictionRefused(engine))
        #expect(observed.kinds == [.engineKept, .modelTier])
    }

    @Test func aReplicaOfOtherFilesHasItsReason() throws {
        var observed = Self.booted([.named("a", concurrency: 1, replicas: 2)])
        let engine = try observed.start("a")
        observed.fillPools()
        observed.harness.inFlight[engine] = 1
        _ = observed.act { $0.request("a") }
        let replica = try #require(observed.harness.replicas(of: "a").first)
        observed.act { _ = $0.inspect(replica, fingerprint: "second") }
        #expect(try observed.event(.engineFailed).reason?.contains("files of the model folder have changed") == true)
    }

    // MARK: Templates

    @Test func aTemplateIsMadeAndGivenUp() throws {
        var observed = Self.booted([.named("a", hasTemplate: true)])
        observed.act { $0.inspectTemplate("a") }
        let process = try #require(observed.harness.template(of: "a")?.process)
        observed.send(.processIdle(process))
        #expect(observed.kinds == [])
        try observed.act { _ = try $0.finishPreparing("a") }
        #expect(observed.kinds == [.templateReady, .modelTier])
        #expect(try observed.event(.templateReady).hasWeights == false)
        #expect(try observed.event(.templateReady).milliseconds == 5)
        #expect(try observed.event(.modelTier).tier == .warm)
        _ = observed.act { $0.load("a") }
        try observed.act { _ = try $0.inspect("a", fingerprint: "second") }
        #expect(try observed.event(.templateGivenUp).reason == "the files of the model folder have changed")
    }

    @Test func aTemplateThatFailsHasItsReason() throws {
        var observed = Self.booted([.named("a", hasTemplate: true)])
        observed.act { $0.inspectTemplate("a") }
        let process = try #require(observed.harness.template(of: "a")?.process)
        observed.send(.processGone(process, reason: "killed by signal 9"))
        #expect(observed.kinds == [.templateFailed])
        #expect(observed.events.first?.reason?.contains("killed by signal 9") == true)
    }
}
