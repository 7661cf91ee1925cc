import Scheduling
import Testing

/// Sleep on a device that is no CPU.
@Suite struct SuspensionTests {
    private var harness = Harness(
        models: [.named("a", idleTimeout: .seconds(60)), .named("b", gibibytes: 4)],
        devices: [.gibibytes(4, id: "cuda:0")])
    private let engine: EngineID

    init() throws {
        harness.boot()
        engine = try harness.start("a")
    }

    private mutating func putToSleep() throws -> CommandID {
        let command = harness.sleep("a")
        harness.send(.permitReleased(engine))
        harness.send(.suspended(engine, try harness.generation(of: engine)))
        #expect(harness.phase(of: "a") == .asleep)
        return command
    }

    @Test mutating func itsRequestsEndFirstAndItsProcessesStay() throws {
        harness.inFlight[engine] = 1
        let command = harness.sleep("a")
        #expect(harness.actions.suffix(2) == [.drain(engine), .watch(engine, below: 1)])
        harness.inFlight[engine] = 0
        #expect(harness.send(.permitReleased(engine)) == [.suspend(engine)])
        #expect(!harness.isAsleep(command))
        harness.send(.suspended(engine, try harness.generation(of: engine)))
        #expect(harness.isAsleep(command))
        #expect(harness.scheduler.tier(of: "a") == .asleep)
        #expect(harness.actions.ends == [])
        let again = harness.sleep("a")
        #expect(harness.actions.last == .completeSleep(again))
    }

    @Test(arguments: [true, false]) mutating func aRequestOrAWakeResumesIt(isRequest: Bool) throws {
        _ = try putToSleep()
        harness.wait(.seconds(5))
        let request = isRequest ? harness.request("a") : nil
        let wakes = isRequest ? [] : [harness.wake("a"), harness.wake("a")]
        // Its files are looked at first, once.
        #expect(harness.actions.inspections == ["a", "a"])
        #expect(harness.actions.resumptions == [])
        _ = try harness.inspect("a")
        #expect(harness.actions.resumptions == [engine])
        #expect(harness.scheduler.engines[engine]?.readyAt == nil)
        #expect(harness.scheduler.tier(of: "a") == .asleep)
        harness.wait(.milliseconds(300))
        let decided = harness.send(.resumed(engine, try harness.generation(of: engine)))
        #expect(decided.first == .publishRoutes)
        #expect(harness.scheduler.tier(of: "a") == .hot)
        if let request {
            let waited = StageTime(stage: "queue", milliseconds: 300)
            #expect(decided.contains(.admit(request, engine, tier: .asleep, timings: [waited])))
        }
        for wake in wakes { #expect(harness.actions.contains(.completeLoad(wake, engine))) }
        #expect(harness.scheduler.models["a"]?.lastStart == .milliseconds(300))
    }

    @Test mutating func aRequestThatComesOnTheWayIsServedAfterwards() throws {
        _ = harness.sleep("a")
        harness.send(.permitReleased(engine))
        let request = harness.request("a")
        #expect(harness.actions.inspections == ["a"])
        harness.send(.suspended(engine, try harness.generation(of: engine)))
        _ = try harness.inspect("a")
        #expect(harness.actions.resumptions == [engine])
        harness.send(.resumed(engine, try harness.generation(of: engine)))
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
    }

    @Test mutating func anIdleTimeoutLeadsThere() throws {
        #expect(harness.wait(.seconds(60)).evictions == [engine])
        #expect(harness.send(.permitReleased(engine)) == [.suspend(engine)])
        harness.send(.suspended(engine, try harness.generation(of: engine)))
        #expect(harness.scheduler.tier(of: "a") == .asleep)
        #expect(harness.scheduler.nextDeadline == nil)
    }

    @Test mutating func oneThatCannotSleepIsEndedWithTheReason() throws {
        let command = harness.sleep("a")
        harness.send(.permitReleased(engine))
        let decided = harness.send(
            .suspensionFailed(engine, try harness.generation(of: engine), reason: "sleep mode is off"))
        #expect(harness.sleepFailure(command)?.message == "'a' could not be put to sleep: sleep mode is off")
        #expect(decided.ends.count == 2)
        harness.endProcesses()
        #expect(harness.engine(of: "a") == nil)
    }

    @Test mutating func oneThatHangsIsEnded() throws {
        let command = harness.sleep("a")
        harness.send(.permitReleased(engine))
        #expect(harness.wait(.milliseconds(89_999)) == [])
        #expect(harness.wait(.milliseconds(1)).ends.count == 2)
        #expect(harness.sleepFailure(command)?.message.contains("start_timeout") == true)
    }

    @Test mutating func oneThatCannotBeWokenFailsTheStart() throws {
        _ = try putToSleep()
        let request = harness.request("a")
        _ = try harness.inspect("a")
        harness.send(.suspensionFailed(engine, try harness.generation(of: engine), reason: "no memory"))
        #expect(try harness.refusal(of: request).message == "'a' could not be woken: no memory")
        harness.endProcesses()
        #expect(harness.engine(of: "a") == nil)
    }

    // MARK: Files that have changed

    @Test mutating func weightsOfOtherFilesAreNeverServed() throws {
        _ = try putToSleep()
        let request = harness.request("a")
        let wake = harness.wake("a")
        #expect(harness.send(.inspected(engine, .weighing(0, fingerprint: "second"))).ends.count == 2)
        harness.endProcesses()
        let next = try harness.inspect("a", fingerprint: "second")
        #expect(next != engine)
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: request) == [.admitted(next)])
        #expect(harness.actions.contains(.completeLoad(wake, next)))
        #expect(harness.actions.resumptions == [])
    }

    @Test mutating func filesThatCannotBeReadLeaveItAsleep() throws {
        _ = try putToSleep()
        let request = harness.request("a")
        let wake = harness.wake("a")
        let missing = ControllerError(.startFailed, "The folder 'models/a' is not there.")
        #expect(harness.send(.inspectionFailed(engine, missing)).ends == [])
        #expect(try harness.refusal(of: request) == missing)
        #expect(harness.loadFailure(wake) == missing)
        #expect(harness.phase(of: "a") == .asleep)
        // The next one finds them, and there was no pause.
        _ = harness.request("a")
        _ = try harness.inspect("a")
        #expect(harness.actions.resumptions == [engine])
    }

    @Test mutating func filesThatAreNotReadInTimeLeaveItAsleep() throws {
        _ = try putToSleep()
        let wake = harness.wake("a")
        harness.wait(.milliseconds(119_999))
        #expect(harness.loadFailure(wake) == nil)
        harness.wait(.milliseconds(1))
        #expect(harness.loadFailure(wake)?.message.contains("were not read within 120.0 s") == true)
        #expect(harness.send(.inspected(engine, .weighing(0))) == [])
        #expect(harness.phase(of: "a") == .asleep)
        #expect(harness.scheduler.nextDeadline == nil)
    }

    @Test mutating func whoLeavesMeanwhileDoesNotWakeIt() throws {
        _ = try putToSleep()
        let request = harness.request("a")
        harness.send(.withdraw(request))
        #expect(harness.send(.inspected(engine, .weighing(0))) == [])
        #expect(harness.phase(of: "a") == .asleep)
    }

    @Test mutating func anUnloadMeanwhileEndsIt() throws {
        _ = try putToSleep()
        let wake = harness.wake("a")
        let sleep = harness.sleep("a")
        #expect(harness.sleepFailure(sleep)?.message.contains("is starting") == true)
        let unload = harness.unload("a")
        #expect(harness.loadFailure(wake)?.code == .conflict)
        harness.endProcesses()
        #expect(harness.unloaded(unload) == [engine])
        #expect(harness.engine(of: "a") == nil)
    }

    @Test mutating func oneThatSleepsMakesRoomFirst() throws {
        _ = try putToSleep()
        harness.wait(.seconds(20))
        _ = harness.load("b")
        let wanted = try #require(harness.engine(of: "b"))
        #expect(harness.send(.inspected(wanted, .weighing(0))).ends.count == 2)
        harness.endProcesses()
        #expect(harness.phase(of: "b") == .starting)
    }

    @Test mutating func unloadAndDeathEndIt() throws {
        _ = try putToSleep()
        let unload = harness.unload("a")
        harness.endProcesses()
        #expect(harness.unloaded(unload) == [engine])
        let next = try harness.start("a")
        let command = harness.sleep("a")
        try harness.killCore(of: next)
        harness.endProcesses()
        #expect(harness.sleepFailure(command)?.code == .conflict)
        #expect(harness.engine(of: "a") == nil)
    }

    @Test mutating func answersOfAnotherGenerationAreNotHeard() throws {
        _ = harness.sleep("a")
        harness.send(.permitReleased(engine))
        harness.send(.suspended(engine, Generation(epoch: 3, counter: 9)))
        harness.send(.resumed(engine, try harness.generation(of: engine)))
        harness.send(.suspensionFailed(engine, Generation(epoch: 2, counter: 1), reason: "?"))
        #expect(harness.phase(of: "a") == .suspending)
    }

    @Test mutating func withoutAnEngineThereIsNothingToPutToSleep() throws {
        let command = harness.sleep("b")
        #expect(harness.sleepFailure(command)?.code == .conflict)
    }
}
