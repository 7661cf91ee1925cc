import Scheduling
import Testing

@Suite struct TemplateMakingTests {
    private var harness = Harness(models: [
        .named("a", hasTemplate: true), .named("b", hasTemplate: true), .named("plain"),
    ])

    @Test mutating func aTemplateIsMadeStepByStepAndThenForks() throws {
        harness.boot()
        let zygote = harness.scheduler.runtimes[.simulated]?.zygote
        #expect(harness.actions.templateInspections == ["a"])
        harness.inspectTemplate("a", weightBytes: mebibytes(100))
        let process = try #require(harness.template(of: "a")?.process)
        #expect(
            harness.actions.last
                == .fork(process, .template, .simulated, DeviceID("cpu:0"), source: try #require(zygote)))
        #expect(harness.scheduler.tier(of: "a") == .cold)
        let decided = harness.send(.processIdle(process))
        #expect(
            decided == [
                .prepare(
                    TemplateOrder(
                        process: process, model: "a", device: DeviceID("cpu:0"), kvCacheBytes: mebibytes(1536),
                        isLoaded: false))
            ])
        let ready = try harness.finishPreparing("a")
        #expect(ready.first == .measureTemplate(process))
        #expect(ready.forks(from: process) == [.core, .frontEnd])
        #expect(harness.scheduler.tier(of: "a") == .warm)
        #expect(harness.template(of: "a")?.stages.map(\.stage) == ["tokenizer"])
        // Not one of its weights is loaded.
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == mebibytes(128))
        harness.send(.templateMeasured(process, bytes: mebibytes(90)))
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == mebibytes(90))
    }

    @Test mutating func theyAreMadeOneByOne() throws {
        harness.boot()
        harness.inspectTemplate("a")
        let process = try #require(harness.template(of: "a")?.process)
        harness.send(.processIdle(process))
        #expect(harness.actions.templateInspections == ["a"])
        try harness.finishPreparing("a")
        #expect(harness.actions.templateInspections == ["a", "b"])
        harness.fillPools()
        try harness.makeTemplate("b")
        #expect(harness.template(of: "plain") == nil)
        #expect(harness.scheduler.nextDeadline == nil)
    }

    @Test mutating func noneIsBegunWhileAnEngineIsOnItsWay() throws {
        harness.boot()
        _ = harness.request("b")
        try harness.makeTemplate("a")
        #expect(harness.actions.templateInspections == ["a"])
        _ = try harness.inspect("b")
        #expect(harness.phase(of: "b") == .starting)
        #expect(harness.actions.templateInspections == ["a"])
        try harness.becomeReady("b")
        #expect(harness.actions.templateInspections == ["a", "b"])
    }

    @Test func theModelThatWasUsedLastComesFirst() {
        var harness = Harness(models: ["a", "b", "c"].map { .named($0, hasTemplate: true) })
        harness.send(.tick)
        let request = harness.request("c")
        harness.send(.inspectionFailed(EngineID("e-1"), ControllerError(.startFailed, "No weights.")))
        #expect(harness.outcomes(of: request) == [.refused(.startFailed)])
        harness.boot()
        #expect(harness.actions.templateInspections == ["c"])
    }

    @Test func oneThatFailedComesAfterThoseThatHaveNot() throws {
        var harness = Harness(models: ["a", "b", "c"].map { .named($0, hasTemplate: true) })
        harness.boot()
        harness.send(.templateInspectionFailed(model: "a", ControllerError(.startFailed, "No config.")))
        harness.wait(.seconds(1))
        for model in ["b", "c"] { try harness.makeTemplate(model) }
        #expect(harness.actions.templateInspections == ["a", "b", "c", "a"])
    }

    @Test func itGoesWhereItsModelFits() throws {
        var harness = Harness(
            models: [.named("a", gibibytes: 3, hasTemplate: true)],
            devices: [.gibibytes(2), .gibibytes(4, id: "cpu:1")])
        harness.boot()
        try harness.makeTemplate("a")
        #expect(harness.template(of: "a")?.device == DeviceID("cpu:1"))
        #expect(harness.spares(of: "a").allSatisfy { $0.device == DeviceID("cpu:1") })
    }

    @Test func nothingIsEvictedForOne() throws {
        var harness = Harness(models: [.named("a"), .named("b", hasTemplate: true)], devices: [.gibibytes(2)])
        harness.send(.tick)
        _ = harness.load("a")
        harness.boot()
        _ = try harness.inspect("a")
        let engine = try harness.becomeReady("a")
        harness.wait(.seconds(60))
        #expect(harness.actions.templateInspections == [])
        // There is room when the engine is gone.
        _ = harness.unload("a")
        harness.endEngine(engine)
        #expect(harness.actions.templateInspections == ["b"])
    }

    @Test func onADeviceOfItsOwnMemoryItTakesNone() throws {
        var harness = Harness(models: [.named("a", hasTemplate: true)], devices: [.gibibytes(8, id: "cuda:0")])
        harness.boot()
        try harness.makeTemplate("a")
        #expect(harness.scheduler.usedBytes(DeviceID("cuda:0")) == 0)
        #expect(harness.scheduler.tier(of: "a") == .warm)
    }

    @Test mutating func templatesEndAfterTheirProcessesAndBeforeTheZygote() throws {
        harness.boot()
        let process = try harness.makeTemplate("a")
        let zygote = try #require(harness.scheduler.runtimes[.simulated]?.zygote)
        let ended = harness.send(.shutdown).ends
        #expect(ended.count == 4)
        #expect(!ended.contains(process) && !ended.contains(zygote))
        for next in [process, zygote] {
            let before = harness.actions.count
            harness.endProcesses()
            #expect(Array(harness.actions[before...]).ends == [next])
        }
        harness.endProcesses()
        #expect(harness.actions.last == .finished)
    }
}
