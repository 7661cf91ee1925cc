import Scheduling
import Testing

/// Where memory is short, what is idle goes, least recently used first: engines and weights that are kept; then templates
/// without weights.
@Suite struct TemplatePressureTests {
    private static let device = DeviceID("cpu:0")

    /// `a` and `b` sleep with weights of 1000 MiB (1228 MiB each), `a` since longer; `c` needs the rest and more.
    private func twoAsleep(pinned: String? = nil, gibibytes: Int = 2) throws -> Harness {
        let models: [ModelSpecification] = [
            .named("a", isPinned: pinned == "a", hasTemplate: true),
            .named("b", isPinned: pinned == "b", hasTemplate: true), .named("c", gibibytes: gibibytes),
        ]
        var harness = Harness(models: models, devices: [.gibibytes(4)])
        harness.boot()
        for model in ["a", "b"] { try harness.makeTemplate(model, weightBytes: mebibytes(1000)) }
        for model in ["a", "b"] {
            let engine = try harness.start(model, weightBytes: mebibytes(100))
            harness.wait(.seconds(20))
            let command = harness.sleep(model)
            harness.endEngine(engine)
            harness.inspectTemplate(model, weightBytes: mebibytes(1000))
            try harness.finishPreparing(model)
            harness.fillPools()
            harness.endProcesses()
            #expect(harness.isAsleep(command))
        }
        #expect(harness.scheduler.usedBytes(Self.device) == mebibytes(2 * 1228))
        return harness
    }

    @Test func theWeightsThatWereUsedLongestAgoGo() throws {
        var harness = try twoAsleep()
        let victim = try #require(harness.template(of: "a")?.process)
        let spares = Set(harness.spares(of: "a").map(\.id))
        _ = harness.load("c")
        let before = harness.actions.count
        _ = try harness.inspect("c")
        #expect(Set(harness.actions[before...].ends) == spares.union([victim]))
        #expect(harness.phase(of: "c") == .placing)
        // Its memory is seen free before the other starts.
        harness.endProcesses()
        #expect(harness.phase(of: "c") == .starting)
        #expect(harness.scheduler.tier(of: "b") == .asleep)
        // Without weights it comes back, where there is room and nothing waits.
        #expect(harness.template(of: "a") == nil)
        try harness.becomeReady("c")
        try harness.makeTemplate("a", weightBytes: mebibytes(1000))
        #expect(harness.scheduler.tier(of: "a") == .warm)
    }

    @Test func asManyGoAsAreNeeded() throws {
        var harness = try twoAsleep(gibibytes: 4)
        _ = harness.load("c")
        _ = try harness.inspect("c")
        harness.endProcesses()
        #expect(harness.phase(of: "c") == .starting)
        #expect(harness.scheduler.usedBytes(Self.device) == mebibytes(4096))
        // There is no room for any template, and nobody makes some.
        try harness.becomeReady("c")
        harness.wait(.seconds(60))
        #expect(harness.template(of: "a") == nil && harness.template(of: "b") == nil)
    }

    @Test func aPinnedModelsWeightsStay() throws {
        var harness = try twoAsleep(pinned: "a")
        _ = harness.load("c")
        _ = try harness.inspect("c")
        harness.endProcesses()
        #expect(harness.scheduler.tier(of: "a") == .asleep)
        #expect(harness.scheduler.tier(of: "b") == .cold)
    }

    @Test func whatPinnedModelsKeepIsSaid() throws {
        var harness = try twoAsleep(pinned: "b", gibibytes: 3)
        let request = harness.request("c")
        _ = try harness.inspect("c")
        let error = try harness.refusal(of: request)
        #expect(error.message.contains("4096 MiB, of which pinned models hold 1228 MiB, and 3072 MiB are needed"))
        // Nothing goes where that would not be enough.
        #expect(harness.scheduler.tier(of: "a") == .asleep)
    }

    @Test func aCloneAndItsWeightsGoTogether() throws {
        let models: [ModelSpecification] = [.named("a", hasTemplate: true), .named("c", gibibytes: 4)]
        var harness = Harness(models: models, devices: [.gibibytes(4)])
        harness.boot()
        let process = try harness.makeTemplate("a", weightBytes: mebibytes(1000))
        try harness.putToSleep("a", weightBytes: mebibytes(1000))
        let engine = try harness.start("a", weightBytes: mebibytes(1000))
        harness.wait(.seconds(20))
        _ = harness.load("c")
        let wanted = try #require(harness.engine(of: "c"))
        let decided = harness.send(.inspected(wanted, .weighing(0)))
        // First the engine: it may still refuse to go.
        #expect(decided.evictions == [engine])
        #expect(decided.ends == [])
        harness.send(.evictionRefused(engine))
        harness.send(.permitReleased(engine))
        #expect(harness.template(of: "a")?.phase == .ready)
        harness.endEngine(engine)
        #expect(harness.scheduler.processes[process]?.state == .ending(nil))
        harness.endProcesses()
        #expect(harness.phase(of: "c") == .starting)
    }

    @Test func aBusyClonesWeightsStay() throws {
        let models: [ModelSpecification] = [.named("a", hasTemplate: true), .named("c", gibibytes: 2)]
        var harness = Harness(models: models, devices: [.gibibytes(4)])
        harness.boot()
        try harness.makeTemplate("a", weightBytes: mebibytes(1000))
        try harness.putToSleep("a", weightBytes: mebibytes(1000))
        let engine = try harness.start("a", weightBytes: mebibytes(1000))
        harness.wait(.seconds(20))
        harness.inFlight[engine] = 1
        _ = harness.load("c")
        let wanted = try #require(harness.engine(of: "c"))
        // To end the template would free nothing: the engine has its pages.
        #expect(harness.send(.inspected(wanted, .weighing(0))) == [.watch(engine, below: 1)])
        harness.inFlight[engine] = 0
        #expect(harness.send(.permitReleased(engine)).evictions == [engine])
    }

    @Test func templatesWithoutWeightsAreTheLastToGo() throws {
        let models: [ModelSpecification] = [
            .named("a", hasTemplate: true), .named("b"), .named("c", gibibytes: 3), .named("d", gibibytes: 4),
        ]
        var harness = Harness(models: models, devices: [.gibibytes(4)])
        harness.boot()
        let process = try harness.makeTemplate("a")
        let b = try harness.start("b")
        harness.wait(.seconds(20))
        _ = harness.load("c")
        let c = try #require(harness.engine(of: "c"))
        let decided = harness.send(.inspected(c, .weighing(0)))
        #expect(decided.evictions == [b])
        #expect(decided.ends == [])
        harness.endEngine(b)
        try harness.becomeReady("c")
        harness.wait(.seconds(20))
        _ = harness.load("d")
        let d = try #require(harness.engine(of: "d"))
        let last = harness.send(.inspected(d, .weighing(0)))
        #expect(last.evictions == [c])
        #expect(last.ends.contains(process))
    }

    /// Whatever their names.
    @Test(arguments: [["a", "b"], ["b", "a"]])
    func ofTemplatesWithoutWeightsTheOneThatWasUsedLongestAgoGoes(_ used: [String]) throws {
        // Beside it there is room for one of them.
        let c = ModelSpecification(
            name: "c", runtime: .simulated, concurrency: 4, startTimeout: .seconds(90),
            kvCacheBytes: mebibytes(4096 - 512 - 128))
        let models: [ModelSpecification] = [.named("a", hasTemplate: true), .named("b", hasTemplate: true), c]
        var harness = Harness(models: models, devices: [.gibibytes(4)])
        harness.boot()
        for model in ["a", "b"] { try harness.makeTemplate(model) }
        for model in used {
            let engine = try harness.start(model)
            harness.wait(.seconds(20))
            _ = harness.unload(model)
            harness.endEngine(engine)
            harness.fillPools()
        }
        #expect(harness.scheduler.usedBytes(Self.device) == mebibytes(2 * 128))
        let template = try #require(harness.template(of: used[0])?.process)
        let spares = harness.spares(of: used[0]).map(\.id)

        _ = harness.load("c")
        let before = harness.actions.count
        let engine = try harness.inspect("c")
        #expect(Set(harness.actions[before...].ends) == Set(spares + [template]))
        harness.endProcesses()
        #expect(harness.phase(of: "c") == .starting)
        #expect(harness.template(of: used[1])?.phase == .ready)
        try harness.becomeReady("c")
        harness.wait(.seconds(60))
        #expect(harness.template(of: used[0]) == nil)

        // It is made again where there is room.
        _ = harness.unload("c")
        harness.endEngine(engine)
        try harness.makeTemplate(used[0])
        #expect(["a", "b"].map { harness.scheduler.tier(of: $0) } == [.warm, .warm])
    }

    @Test func oneThatIsBeingMadeMakesWayAsWell() throws {
        let models: [ModelSpecification] = [.named("a", hasTemplate: true), .named("b", gibibytes: 4)]
        var harness = Harness(models: models, devices: [.gibibytes(4)])
        harness.boot()
        harness.inspectTemplate("a")
        let process = try #require(harness.template(of: "a")?.process)
        _ = harness.load("b")
        _ = try harness.inspect("b")
        #expect(harness.actions.ends == [process])
        #expect(harness.scheduler.models["a"]?.templateError == nil)
        harness.endProcesses()
        #expect(harness.phase(of: "b") == .starting)
    }

    @Test func aPinnedModelsTemplateWithoutWeightsMakesWay() throws {
        let models: [ModelSpecification] = [
            .named("a", isPinned: true, hasTemplate: true), .named("b", gibibytes: 4),
        ]
        var harness = Harness(models: models, devices: [.gibibytes(4)])
        harness.boot()
        let process = try harness.makeTemplate("a")
        _ = harness.load("b")
        _ = try harness.inspect("b")
        #expect(harness.actions.ends.contains(process))
        harness.endProcesses()
        #expect(harness.phase(of: "b") == .starting)
    }

    @Test func aModelsOwnTemplateGoesOnlyIfThereIsNoRoomBesideIt() throws {
        var harness = Harness(models: [.named("a", gibibytes: 4, hasTemplate: true)], devices: [.gibibytes(4)])
        harness.boot()
        let process = try harness.makeTemplate("a")
        let request = harness.request("a")
        let engine = try harness.inspect("a")
        #expect(harness.actions.ends.contains(process))
        harness.endProcesses()
        #expect(harness.scheduler.engines[engine]?.startTier == .cold)
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
    }
}
