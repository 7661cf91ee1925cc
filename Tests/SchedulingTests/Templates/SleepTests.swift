import Scheduling
import Testing

/// Models of 2 GiB with weights of 1000 MiB, which take 1100 MiB in memory.
@Suite struct SleepTests {
    private static let weights = mebibytes(1000)
    private var harness = Harness(models: [.named("a", hasTemplate: true), .named("plain")])

    init() { harness.boot() }

    private mutating func makeTemplate() throws -> ProcessID {
        try harness.makeTemplate("a", weightBytes: Self.weights)
    }

    @Test mutating func aReadyModelIsDrainedEndedAndItsWeightsAreLoaded() throws {
        let process = try makeTemplate()
        let engine = try harness.start("a", weightBytes: Self.weights)
        harness.inFlight[engine] = 1
        let command = harness.sleep("a")
        #expect(Array(harness.actions.suffix(3)) == [.publishRoutes, .drain(engine), .watch(engine, below: 1)])
        #expect(harness.send(.permitReleased(engine)) == [.watch(engine, below: 1)])
        harness.inFlight[engine] = 0
        harness.send(.permitReleased(engine))
        #expect(harness.actions.templateInspections == ["a"])
        harness.endProcesses()
        // Its files may have changed since the template was made.
        #expect(harness.actions.templateInspections == ["a", "a"])
        let decided = harness.send(.templateInspected(model: "a", .weighing(Self.weights)))
        #expect(decided.orders.map(\.isLoaded) == [true])
        #expect(decided.orders.map(\.process) == [process])
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == mebibytes(1228))
        #expect(harness.scheduler.tier(of: "a") == .warm)
        #expect(!harness.isAsleep(command))

        let old = Set(harness.spares(of: "a").map(\.id))
        let loaded = try harness.finishPreparing("a")
        #expect(harness.isAsleep(command))
        #expect(harness.scheduler.tier(of: "a") == .asleep)
        // Its processes are forked anew, so that they share the weights.
        #expect(Set(loaded.ends) == old)
        #expect(loaded.forks(from: process) == [.core, .frontEnd])
        #expect(harness.template(of: "a")?.stages.map(\.stage) == ["tokenizer", "load"])
        #expect(harness.scheduler.nextDeadline == harness.now + .seconds(30))
    }

    @Test mutating func withoutATemplateOneIsMadeWithTheWeightsAtOnce() throws {
        let command = harness.sleep("a")
        harness.inspectTemplate("a", weightBytes: Self.weights)
        let process = try #require(harness.template(of: "a")?.process)
        #expect(harness.send(.processIdle(process)).orders.map(\.isLoaded) == [true])
        try harness.finishPreparing("a")
        #expect(harness.isAsleep(command))
    }

    @Test func weightsOfLeasedWorkersAreKeptByNoTemplate() throws {
        var harness = Harness(models: [.group("a", hasTemplate: true)])
        harness.boot()
        harness.fillWorkers()
        for isLoaded in [false, true] {
            if isLoaded { _ = try harness.startGroup("a") }
            let before = harness.actions.count
            let command = harness.sleep("a")
            let error = ControllerError(
                .conflict,
                "'a' cannot be put to sleep: it has leased workers, whose weights no template can keep; park its engine "
                    + "instead.")
            #expect(Array(harness.actions[before...]) == [.failSleep(command, error, log: nil)])
        }
        #expect(harness.phase(of: "a") == .ready)
    }

    @Test func itGoesAheadOfTheOtherTemplates() throws {
        var harness = Harness(models: ["a", "b", "c"].map { .named($0, hasTemplate: true) })
        harness.boot()
        #expect(harness.actions.templateInspections == ["a"])
        _ = harness.sleep("c")
        #expect(harness.actions.templateInspections == ["a", "c"])
        // It is nothing to the others: one of them is made at a time.
        try harness.makeTemplate("a")
        #expect(harness.actions.templateInspections == ["a", "c", "b"])
    }

    @Test mutating func oneThatSleepsAlreadyIsOnlyLookedAt() throws {
        _ = try makeTemplate()
        try harness.putToSleep("a", weightBytes: Self.weights)
        let again = harness.sleep("a")
        #expect(!harness.isAsleep(again))
        let decided = harness.send(.templateInspected(model: "a", .weighing(Self.weights)))
        #expect(decided == [.completeSleep(again)])
    }

    @Test mutating func aWokenModelNeedsNoLoadToSleepAgain() throws {
        _ = try makeTemplate()
        try harness.putToSleep("a", weightBytes: Self.weights)
        let engine = try harness.start("a", weightBytes: Self.weights)
        let orders = harness.actions.orders.count
        let command = harness.sleep("a")
        harness.endEngine(engine)
        harness.inspectTemplate("a", weightBytes: Self.weights)
        #expect(harness.isAsleep(command))
        #expect(harness.actions.orders.count == orders)
    }

    @Test mutating func filesThatHaveChangedMeanATemplateAnew() throws {
        let old = try makeTemplate()
        try harness.putToSleep("a", weightBytes: Self.weights)
        let command = harness.sleep("a")
        harness.inspectTemplate("a", weightBytes: Self.weights, fingerprint: "second")
        #expect(harness.actions.ends.contains(old))
        #expect(!harness.isAsleep(command))
        harness.endProcesses()
        harness.inspectTemplate("a", weightBytes: Self.weights, fingerprint: "second")
        let new = try #require(harness.template(of: "a")?.process)
        #expect(harness.send(.processIdle(new)).orders.map(\.isLoaded) == [true])
        try harness.finishPreparing("a")
        #expect(harness.isAsleep(command))
    }

    @Test mutating func aRequestMeanwhileStartsFromWhatThereIs() throws {
        let process = try makeTemplate()
        let old = try harness.start("a", weightBytes: Self.weights)
        let command = harness.sleep("a")
        let request = harness.request("a")
        harness.endEngine(old)
        harness.inspectTemplate("a", weightBytes: Self.weights)
        let new = try harness.inspect("a", weightBytes: Self.weights)
        // The template loads, and can not fork, but has an idle pair.
        #expect(harness.scheduler.engines[new]?.startTier == .warm)
        #expect(harness.actions.forks(from: process).count == 4)
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: request) == [.admitted(new)])
        try harness.finishPreparing("a")
        #expect(harness.isAsleep(command))
        #expect(harness.scheduler.tier(of: "a") == .hot)
    }

    @Test mutating func anotherSleepEndsWhatARequestHasStartedMeanwhile() throws {
        _ = try makeTemplate()
        let first = harness.sleep("a")
        harness.inspectTemplate("a", weightBytes: Self.weights)
        let engine = try harness.start("a", weightBytes: Self.weights)
        let second = harness.sleep("a")
        #expect(harness.phase(of: "a") == .draining)
        try harness.finishPreparing("a")
        #expect(!harness.isAsleep(first))
        harness.endEngine(engine)
        harness.inspectTemplate("a", weightBytes: Self.weights)
        for command in [first, second] { #expect(harness.isAsleep(command)) }
        #expect(harness.scheduler.tier(of: "a") == .asleep)
    }

    @Test mutating func twoSleepsShareOneLoad() throws {
        _ = try makeTemplate()
        let commands = [harness.sleep("a"), harness.sleep("a")]
        harness.inspectTemplate("a", weightBytes: Self.weights)
        try harness.finishPreparing("a")
        for command in commands { #expect(harness.isAsleep(command)) }
        #expect(harness.actions.orders.count(where: \.isLoaded) == 1)
    }

    @Test func weightsTakeNoMemoryThatAStartWaitsFor() throws {
        let models: [ModelSpecification] = [.named("a", hasTemplate: true), .named("b"), .named("c", gibibytes: 3)]
        var harness = Harness(models: models, devices: [.gibibytes(4)])
        harness.boot()
        try harness.makeTemplate("a", weightBytes: mebibytes(500))
        let b = try harness.start("b")
        harness.inFlight[b] = 1
        _ = harness.load("c")
        _ = try harness.inspect("c")
        #expect(harness.phase(of: "c") == .placing)
        let command = harness.sleep("a")
        harness.inspectTemplate("a", weightBytes: mebibytes(500))
        #expect(harness.actions.orders.count(where: \.isLoaded) == 0)
        harness.wait(.seconds(20))
        harness.inFlight[b] = 0
        harness.send(.permitReleased(b))
        harness.endEngine(b)
        #expect(harness.phase(of: "c") == .starting)
        try harness.finishPreparing("a")
        #expect(harness.isAsleep(command))
    }

    @Test func oneThatIsMadeForASleepWaitsForTheStartAsWell() throws {
        let models: [ModelSpecification] = [.named("a", hasTemplate: true), .named("b"), .named("c", gibibytes: 3)]
        var harness = Harness(models: models, devices: [.gibibytes(4)])
        harness.boot()
        let b = try harness.start("b")
        harness.inFlight[b] = 1
        harness.inspectTemplate("a", weightBytes: mebibytes(500))
        _ = harness.load("c")
        _ = try harness.inspect("c")
        let command = harness.sleep("a")
        let process = try #require(harness.template(of: "a")?.process)
        #expect(harness.send(.processIdle(process)).orders.map(\.isLoaded) == [false])
        try harness.finishPreparing("a")
        _ = harness.unload("c")
        #expect(harness.actions.orders.map(\.isLoaded) == [false, true])
        try harness.finishPreparing("a")
        #expect(harness.isAsleep(command))
    }

    // MARK: What cannot be

    @Test mutating func whatCannotSleepIsSaid() throws {
        let unknown = harness.sleep("nobody")
        #expect(harness.sleepFailure(unknown)?.code == .unknownModel)
        let plain = harness.sleep("plain")
        #expect(harness.sleepFailure(plain)?.code == .conflict)
        #expect(harness.sleepFailure(plain)?.message.contains("template: false") == true)
        _ = harness.load("a")
        let early = harness.sleep("a")
        #expect(harness.sleepFailure(early)?.message.contains("is starting") == true)
        harness.send(.shutdown)
        let late = harness.sleep("a")
        #expect(harness.sleepFailure(late)?.code == .shuttingDown)
    }

    @Test func weightsWithoutRoomLeaveTheModelWarm() throws {
        var harness = Harness(
            models: [.named("a", gibibytes: 1, hasTemplate: true), .named("b", gibibytes: 3)],
            devices: [.gibibytes(4)])
        harness.boot()
        try harness.makeTemplate("a", weightBytes: Self.weights)
        _ = try harness.start("b")
        let command = harness.sleep("a")
        harness.inspectTemplate("a", weightBytes: Self.weights)
        let error = harness.sleepFailure(command)
        #expect(error?.code == .outOfMemory)
        // 1000 MiB x 1.1; the template's 128 MiB are there already.
        #expect(
            error?.message
                == "The weights of 'a' cannot be kept: 1100 MiB are needed, and cpu:0 has 4096 MiB, of which 896 MiB are "
                + "free. Unload another model, or give the device more memory.")
        #expect(harness.scheduler.tier(of: "a") == .warm)
    }

    @Test mutating func aLoadThatFailsIsSaidAndTheTemplateIsMadeAnewWithoutWeights() throws {
        let process = try makeTemplate()
        let command = harness.sleep("a")
        harness.inspectTemplate("a", weightBytes: Self.weights)
        harness.send(.preparationFailed(process, reason: "MemoryError"))
        #expect(harness.sleepFailure(command)?.message.contains("MemoryError") == true)
        let early = harness.sleep("a")
        harness.endProcesses()
        #expect(harness.sleepFailure(early)?.code == .backingOff)
        harness.wait(.seconds(1))
        try harness.makeTemplate("a", weightBytes: Self.weights)
        #expect(harness.scheduler.tier(of: "a") == .warm)
    }

    @Test mutating func aLoadThatHangsIsEnded() throws {
        let process = try makeTemplate()
        let command = harness.sleep("a")
        harness.inspectTemplate("a", weightBytes: Self.weights)
        #expect(harness.wait(.milliseconds(89_999)).ends == [])
        #expect(harness.wait(.milliseconds(1)).ends.contains(process))
        #expect(harness.sleepFailure(command)?.message.contains("start_timeout") == true)
    }

    @Test func nobodyWaitsForEver() throws {
        var harness = Harness(models: [.named("a", hasTemplate: true)])
        harness.send(.tick)
        // There is no zygote to make a template.
        let command = harness.sleep("a")
        harness.wait(.seconds(150))
        #expect(harness.sleepFailure(command)?.code == .deadlinePassed)
    }

    @Test mutating func whoAsksLaterDoesNotProlongTheWaitOfOthers() throws {
        _ = try makeTemplate()
        let first = harness.sleep("a")
        harness.inspectTemplate("a", weightBytes: Self.weights)
        let engine = try harness.start("a", weightBytes: Self.weights)
        harness.wait(.seconds(60))
        let second = harness.sleep("a")
        try harness.finishPreparing("a")
        harness.fillPools()
        harness.wait(.seconds(40))
        let third = harness.sleep("a")
        harness.wait(.milliseconds(49_999))
        #expect(harness.sleepFailure(first) == nil)
        harness.wait(.milliseconds(1))
        #expect(harness.sleepFailure(first)?.code == .deadlinePassed)
        harness.wait(.seconds(60))
        #expect(harness.sleepFailure(second)?.code == .deadlinePassed)
        harness.endEngine(engine)
        harness.inspectTemplate("a", weightBytes: Self.weights)
        #expect(harness.sleepFailure(third) == nil)
        #expect(harness.isAsleep(third))
    }

    @Test mutating func aShutdownAnswersIt() throws {
        _ = try makeTemplate()
        let command = harness.sleep("a")
        harness.send(.shutdown)
        #expect(harness.sleepFailure(command)?.code == .shuttingDown)
    }
}
