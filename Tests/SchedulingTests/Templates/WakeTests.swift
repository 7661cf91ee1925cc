import Scheduling
import Testing

/// Models of 2 GiB with weights of 1000 MiB: asleep they hold 1228 MiB, and awake a KV cache of 1536 and 256 MiB more.
@Suite struct WakeTests {
    private static let weights = mebibytes(1000)
    private static let device = DeviceID("cpu:0")

    private func asleep(
        others: [ModelSpecification] = [], device: DeviceSpecification = .gibibytes(8), isPinned: Bool = false
    ) throws -> Harness {
        var harness = Harness(models: [.named("a", isPinned: isPinned, hasTemplate: true)] + others, devices: [device])
        harness.boot()
        try harness.makeTemplate("a", weightBytes: Self.weights)
        try harness.putToSleep("a", weightBytes: Self.weights)
        #expect(harness.scheduler.usedBytes(Self.device) == mebibytes(1228))
        return harness
    }

    @Test func aCloneSharesTheWeights() throws {
        var harness = try asleep()
        let request = harness.request("a")
        let wake = harness.wake("a")
        let engine = try harness.inspect("a", weightBytes: Self.weights)
        #expect(harness.scheduler.engines[engine]?.startTier == .asleep)
        #expect(harness.scheduler.usedBytes(Self.device) == mebibytes(1228 + 1536 + 256))
        try harness.becomeReady("a")
        #expect(harness.isLoaded(wake))
        let tiers = harness.actions.compactMap { if case .admit(request, _, let tier, _) = $0 { tier } else { nil } }
        #expect(tiers == [.asleep])
        // What a clone takes is kept apart from what a whole engine takes.
        harness.send(.measured(engine, bytes: mebibytes(1600)))
        #expect(harness.scheduler.models["a"]?.measuredCloneFootprint == mebibytes(1600))
        #expect(harness.scheduler.models["a"]?.measuredFootprint == nil)
    }

    @Test func twoWakesShareOneEngine() throws {
        var harness = try asleep()
        let wakes = [harness.wake("a"), harness.wake("a")]
        let engine = try harness.inspect("a", weightBytes: Self.weights)
        let third = harness.wake("a")
        try harness.becomeReady("a")
        for wake in wakes + [third] { #expect(harness.actions.contains(.completeLoad(wake, engine))) }
        #expect(harness.actions.assignments.count == 1)
        // One that is awake is no error.
        let late = harness.wake("a")
        #expect(harness.actions.last == .completeLoad(late, engine))
    }

    @Test func whatIsNotAsleepIsNotWoken() throws {
        var harness = Harness(models: [.named("a", hasTemplate: true)])
        harness.boot()
        let cold = harness.wake("a")
        #expect(harness.loadFailure(cold)?.message == "'a' is not asleep but cold; load it instead.")
        try harness.makeTemplate("a")
        let warm = harness.wake("a")
        #expect(harness.loadFailure(warm)?.code == .conflict)
        #expect(harness.loadFailure(warm)?.message.contains("but warm") == true)
        let unknown = harness.wake("nobody")
        #expect(harness.loadFailure(unknown)?.code == .unknownModel)
        harness.send(.shutdown)
        let late = harness.wake("a")
        #expect(harness.loadFailure(late)?.code == .shuttingDown)
    }

    @Test func withMemoryShortAnotherHasToGo() throws {
        var harness = try asleep(others: [.named("b")], device: .gibibytes(4))
        let b = try harness.start("b")
        harness.wait(.seconds(60))
        let wake = harness.wake("a")
        let engine = try #require(harness.engine(of: "a"))
        #expect(harness.send(.inspected(engine, .weighing(Self.weights))).evictions == [b])
        harness.endEngine(b)
        #expect(harness.scheduler.engines[engine]?.startTier == .asleep)
        try harness.becomeReady("a")
        #expect(harness.isLoaded(wake))
    }

    @Test func withNothingToEvictItIsRefusedWithTheSum() throws {
        var harness = try asleep(others: [.named("b", isPinned: true)], device: .gibibytes(4))
        _ = try harness.start("b")
        let wake = harness.wake("a")
        _ = try harness.inspect("a", weightBytes: Self.weights)
        let error = harness.loadFailure(wake)
        #expect(error?.code == .outOfMemory)
        #expect(
            error?.message.contains("4096 MiB, of which pinned models hold 2048 MiB, and 3020 MiB are needed") == true)
        #expect(harness.scheduler.tier(of: "a") == .asleep)
    }

    @Test func aTemplateThatDiesLeavesItsWeightsToTheClone() throws {
        var harness = try asleep()
        let process = try #require(harness.template(of: "a")?.process)
        let engine = try harness.start("a", weightBytes: Self.weights)
        harness.send(.processGone(process, reason: "killed by signal 9"))
        harness.endProcesses()
        // 128 MiB are free again, and the weights are not.
        #expect(harness.scheduler.usedBytes(Self.device) == mebibytes(1100 + 1536 + 256))
        #expect(harness.scheduler.engines[engine]?.phase == .ready)
        harness.send(.measured(engine, bytes: mebibytes(2700)))
        #expect(harness.scheduler.models["a"]?.measuredCloneFootprint == nil)
    }

    @Test func weightsOfUnknownSizeAreAllThatTheTemplateHad() throws {
        var harness = Harness(models: [.named("a", hasTemplate: true)])
        harness.boot()
        let process = try harness.makeTemplate("a")
        try harness.putToSleep("a")
        harness.send(.templateMeasured(process, bytes: mebibytes(700)))
        let engine = try harness.start("a")
        #expect(harness.scheduler.usedBytes(Self.device) == mebibytes(700 + 1536 + 256))
        harness.send(.processGone(process, reason: "killed by signal 9"))
        harness.endProcesses()
        #expect(harness.scheduler.engines[engine]?.footprint == mebibytes(700 + 1536 + 256))
    }

    // MARK: Unload

    @Test func unloadingOneThatSleepsGivesItsWeightsUp() throws {
        var harness = try asleep()
        let process = try #require(harness.template(of: "a")?.process)
        let unload = harness.unload("a")
        #expect(harness.actions.ends.contains(process))
        #expect(harness.unloaded(unload) == nil)
        harness.endProcesses()
        #expect(harness.unloaded(unload) == [])
        #expect(harness.scheduler.usedBytes(Self.device) == 0)
        // Its template comes back without them.
        try harness.makeTemplate("a", weightBytes: Self.weights)
        #expect(harness.scheduler.tier(of: "a") == .warm)
    }

    @Test func unloadingAClonedOneEndsBoth() throws {
        var harness = try asleep()
        let process = try #require(harness.template(of: "a")?.process)
        let engine = try harness.start("a", weightBytes: Self.weights)
        let unload = harness.unload("a")
        harness.endEngine(engine)
        #expect(harness.unloaded(unload) == nil)
        #expect(harness.scheduler.processes[process]?.state == .ending(nil))
        harness.endProcesses()
        #expect(harness.unloaded(unload) == [engine])
        #expect(harness.scheduler.usedBytes(Self.device) == 0)
    }

    @Test func unloadingOneThatFallsAsleepFailsItsSleep() throws {
        var harness = Harness(models: [.named("a", hasTemplate: true)])
        harness.boot()
        try harness.makeTemplate("a", weightBytes: Self.weights)
        let sleep = harness.sleep("a")
        harness.inspectTemplate("a", weightBytes: Self.weights)
        let unload = harness.unload("a")
        #expect(harness.sleepFailure(sleep)?.code == .conflict)
        harness.endProcesses()
        #expect(harness.unloaded(unload) == [])
    }

    @Test func aTemplateWithoutWeightsStays() throws {
        var harness = Harness(models: [.named("a", hasTemplate: true)])
        harness.boot()
        try harness.makeTemplate("a")
        let engine = try harness.start("a")
        let unload = harness.unload("a")
        harness.endEngine(engine)
        #expect(harness.unloaded(unload) == [engine])
        #expect(harness.scheduler.tier(of: "a") == .warm)
    }
}
