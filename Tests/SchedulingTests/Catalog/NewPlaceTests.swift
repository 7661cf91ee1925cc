import Scheduling
import Testing

/// A new model that somebody waits for: a device of 8 GiB, and others on it.
@Suite struct NewPlaceTests {
    private var harness = Harness(
        models: [.named("a", gibibytes: 6), .named("b", gibibytes: 6), .named("small", gibibytes: 4)])

    init() { harness.boot() }

    private mutating func create(_ gibibytes: Int, isAwaited: Bool = true) throws -> CommandID {
        let command = harness.create(.named("x", gibibytes: gibibytes), isAwaited: isAwaited)
        _ = try harness.inspect("x")
        return command
    }

    private func refusal(_ command: CommandID) throws -> ControllerError {
        #expect(!harness.isKnown("x"))
        #expect(harness.actions.evictions == [])
        return try #require(harness.loadFailure(command))
    }

    @Test mutating func whatNeverFitsIsRefusedForGood() throws {
        let command = try create(9)
        let error = try refusal(command)
        #expect(error.code == .unprocessable)
        #expect(error.message.contains("cpu:0 has 8192 MiB, and 9216 MiB are needed"))
    }

    @Test mutating func whatOnlyPinnedModelsKeepOutIsAConflict() throws {
        harness = Harness(models: [.named("a", gibibytes: 6, isPinned: true)])
        harness.boot()
        _ = try harness.start("a")
        harness.wait(.seconds(20))
        let command = try create(4)
        let error = try refusal(command)
        #expect(error.code == .conflict)
        #expect(error.message.contains("of which pinned models hold 6144 MiB"))
    }

    @Test mutating func aBusyModelIsAConflictAtOnce() throws {
        let a = try harness.start("a")
        harness.wait(.seconds(20))
        harness.inFlight[a] = 1
        let command = try create(4)
        let error = try refusal(command)
        #expect(error.code == .conflict)
        #expect(error.message.contains("cpu:0 has 8192 MiB"))
        #expect(error.message.contains("hold 6144 MiB, and 4096 MiB are needed (KV cache 3584 MiB)"))
        #expect(harness.phase(of: "a") == .ready)
    }

    @Test mutating func aStartingModelIsAConflict() throws {
        _ = harness.load("a")
        _ = try harness.inspect("a")
        let command = try create(4)
        #expect(try refusal(command).code == .conflict)
        #expect(harness.phase(of: "a") == .starting)
    }

    @Test mutating func anIdleModelMakesRoom() throws {
        let a = try harness.start("a")
        harness.wait(.seconds(20))
        let command = try create(4)
        #expect(harness.actions.evictions == [a])
        harness.endEngine(a)
        #expect(harness.phase(of: "x") == .starting)
        try harness.becomeReady("x")
        #expect(harness.isLoaded(command))
    }

    @Test mutating func anIdleModelThatIsYoungIsWaitedFor() throws {
        let a = try harness.start("a")
        _ = try create(4)
        #expect(harness.phase(of: "x") == .placing)
        harness.wait(.seconds(10))
        #expect(harness.actions.evictions == [a])
    }

    @Test mutating func oneThatBecomesBusyMeanwhileIsAConflict() throws {
        let a = try harness.start("a")
        let command = try create(4)
        harness.inFlight[a] = 1
        harness.send(.tick)
        #expect(try refusal(command).code == .conflict)
    }

    @Test mutating func aModelThatIsGoingIsWaitedFor() throws {
        let a = try harness.start("a")
        harness.inFlight[a] = 1
        _ = harness.unload("a")
        _ = try create(4)
        #expect(harness.phase(of: "x") == .placing)
        harness.inFlight[a] = 0
        harness.endEngine(a)
        #expect(harness.phase(of: "x") == .starting)
    }

    /// There is room for it, but that is promised to another.
    @Test mutating func whoWaitsInFrontComesFirst() throws {
        let small = try harness.start("small")
        harness.wait(.seconds(20))
        harness.inFlight[small] = 1
        _ = harness.load("b")
        _ = try harness.inspect("b")
        #expect(harness.phase(of: "b") == .placing)
        let command = try create(4)
        #expect(try refusal(command).code == .conflict)
        #expect(harness.phase(of: "b") == .placing)
    }

    @Test mutating func anotherDeviceWillDo() throws {
        harness = Harness(
            models: [.named("a", gibibytes: 6)], devices: [.gibibytes(8), .gibibytes(4, id: "cpu:1")])
        harness.boot()
        let a = try harness.start("a")
        harness.inFlight[a] = 1
        _ = try create(4)
        #expect(harness.actions.assignments.last?.device == DeviceID("cpu:1"))
    }

    @Test mutating func withoutAnybodyWaitingItStandsInLine() throws {
        let a = try harness.start("a")
        harness.wait(.seconds(20))
        harness.inFlight[a] = 1
        let command = try create(4, isAwaited: false)
        #expect(harness.phase(of: "x") == .placing)
        #expect(harness.loadFailure(command) == nil)
        harness.inFlight[a] = 0
        harness.send(.permitReleased(a))
        #expect(harness.actions.evictions == [a])
    }

    @Test mutating func weightsThatNobodyUsesMakeRoom() throws {
        harness = Harness(models: [.named("a", gibibytes: 1, hasTemplate: true)], devices: [.gibibytes(4)])
        harness.boot()
        try harness.makeTemplate("a", weightBytes: mebibytes(1024))
        let sleep = harness.sleep("a")
        harness.send(.templateInspected(model: "a", .weighing(mebibytes(1024))))
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) > mebibytes(1200))
        // Somebody waits for that.
        let command = try create(3)
        #expect(try refusal(command).code == .conflict)
        try harness.finishPreparing("a")
        #expect(harness.isAsleep(sleep))
        _ = try create(3)
        #expect(harness.template(of: "a")?.phase == .ending)
        harness.endProcesses()
        #expect(harness.phase(of: "x") == .starting)
    }

    @Test mutating func withoutAProcessItIsNotKept() throws {
        harness = Harness(models: [])
        harness.send(.tick)
        let command = try create(1)
        let zygote = try #require(harness.processes(.zygote, .starting).first)
        harness.send(.processGone(zygote, reason: "no module named vllm"))
        #expect(try refusal(command).code == .startFailed)
    }
}
