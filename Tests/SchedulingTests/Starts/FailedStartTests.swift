import Scheduling
import Testing

@Suite struct FailedStartTests {
    private var harness = Harness()

    init() { harness.boot() }

    @Test mutating func allThatWaitGetTheReasonAndTheLog() throws {
        let requests = [harness.request("a"), harness.request("a")]
        let load = harness.load("a")
        let engine = try harness.inspect("a")
        let decided = harness.send(.startFailed(engine, try harness.generation(of: engine), reason: "no such layer"))
        for request in requests {
            let error = try harness.refusal(of: request)
            #expect(error.code == .startFailed)
            #expect(error.message == "'a' could not be started: no such layer")
            #expect(decided.contains(.refuse(request, error, log: .engine(engine))))
        }
        #expect(harness.loadFailure(load)?.code == .startFailed)
        #expect(decided.ends.count == 2)
        #expect(harness.scheduler.models["a"]?.lastError?.code == .startFailed)
        harness.endProcesses()
        #expect(harness.engine(of: "a") == nil)
    }

    @Test func whereAWorkerDidNotTakeItsLeaseThereIsASecondStart() throws {
        var harness = Harness(models: [.group("g")], cuda: [4, 4])
        let request = harness.request("g")
        let load = harness.load("g")
        let failed = try harness.inspect("g")
        let lease = try #require(harness.scheduler.pool.executors[failed]?.lease)
        harness.send(.lease(.declined(lease.workers[1], lease.generation, reason: "it is frozen")))
        #expect(harness.outcomes(of: request) == [])
        #expect(harness.loadFailure(load) == nil)
        #expect(harness.scheduler.models["g"]?.lastError?.message.hasSuffix("it is frozen") == true)
        harness.settle()

        let engine = try harness.inspect("g")
        #expect(engine != failed)
        _ = try harness.grantWorkers(to: engine)
        try harness.becomeReady("g")
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
        #expect(harness.scheduler.models["g"]?.lastError == nil)
    }

    @Test func butNoThird() throws {
        var harness = Harness(models: [.group("g")], cuda: [4, 4])
        let request = harness.request("g")
        for _ in 0..<2 {
            #expect(harness.outcomes(of: request) == [])
            let engine = try harness.inspect("g")
            let lease = try #require(harness.scheduler.pool.executors[engine]?.lease)
            harness.send(.lease(.declined(lease.workers[0], lease.generation, reason: "it is frozen")))
            harness.settle()
        }
        let error = try harness.refusal(of: request)
        #expect(error.code == .startFailed)
        #expect(error.message.hasSuffix("did not take the lease of \(EngineID(number: 2)): it is frozen"))
    }

    @Test mutating func theNextRequestTriesAgainAfterAPause() throws {
        _ = harness.request("a")
        let failed = try harness.inspect("a")
        harness.send(.startFailed(failed, try harness.generation(of: failed), reason: "no such layer"))
        harness.endProcesses()
        harness.fillPools()

        harness.wait(.milliseconds(400))
        let early = harness.request("a")
        let error = try harness.refusal(of: early)
        #expect(error.code == .backingOff)
        #expect(error.retryAfter == .milliseconds(600))
        #expect(error.message.contains("no such layer"))

        harness.wait(.milliseconds(600))
        let late = harness.request("a")
        #expect(harness.outcomes(of: late) == [])
        let engine = try harness.inspect("a")
        #expect(engine != failed)
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: late) == [.admitted(engine)])
        #expect(harness.scheduler.models["a"]?.lastError == nil)
        #expect(harness.scheduler.models["a"]?.backoff == Backoff())
    }

    @Test mutating func thePauseGrowsWithEveryFailure() throws {
        for pause in [1, 2, 4] {
            _ = harness.load("a")
            let engine = try harness.inspect("a")
            harness.send(.startFailed(engine, try harness.generation(of: engine), reason: "no such layer"))
            harness.endProcesses()
            harness.fillPools()
            #expect(harness.scheduler.models["a"]?.backoff.remaining(at: harness.now) == .seconds(pause))
            harness.wait(.seconds(pause))
        }
    }

    @Test mutating func aFailedInspectionUsesNoProcesses() throws {
        let request = harness.request("a")
        let engine = try #require(harness.engine(of: "a"))
        let missing = ControllerError(.startFailed, "The folder 'models/a' is not there.")
        let decided = harness.send(.inspectionFailed(engine, missing))
        #expect(decided == [.refuse(request, missing, log: nil)])
        #expect(harness.engine(of: "a") == nil)
        #expect(harness.processes(.core, .idle).count == 1)
        let next = harness.request("a")
        #expect(try harness.refusal(of: next).code == .backingOff)
    }

    @Test mutating func aModelThatIsNotReadyInTimeHasFailed() throws {
        let load = harness.load("a")
        let engine = try harness.inspect("a")
        let stage = StageTime(stage: "load", milliseconds: 12)
        harness.send(.stage(engine, try harness.generation(of: engine), stage))
        harness.wait(.milliseconds(89_999))
        #expect(harness.loadFailure(load) == nil)
        let decided = harness.wait(.milliseconds(1))
        #expect(harness.loadFailure(load)?.message.contains("'load'") == true)
        #expect(decided.ends.count == 2)
    }

    @Test(arguments: [true, false]) mutating func aProcessThatDiesWhileLoadingFailsTheStart(isCore: Bool) throws {
        let request = harness.request("a")
        let engine = try harness.inspect("a")
        let assignment = try #require(harness.actions.assignments.last)
        let victim = isCore ? assignment.core : assignment.frontEnd
        let decided = harness.send(.processGone(victim, reason: "killed by signal 9"))
        let error = try harness.refusal(of: request)
        #expect(error.message == "'a' could not be started: killed by signal 9")
        #expect(decided.contains(.refuse(request, error, log: .engine(engine))))
        #expect(decided.ends == [isCore ? assignment.frontEnd : assignment.core])
        harness.endProcesses()
        #expect(harness.engine(of: "a") == nil)
    }

    @Test mutating func aRequestThatComesWhileTheFailedOneEndsIsAnswered() throws {
        _ = harness.load("a")
        let engine = try harness.inspect("a")
        harness.send(.startFailed(engine, try harness.generation(of: engine), reason: "no such layer"))
        let request = harness.request("a")
        #expect(harness.outcomes(of: request) == [])
        harness.endProcesses()
        #expect(harness.outcomes(of: request) == [.refused(.backingOff)])
    }

    @Test mutating func oneModelsFailureIsNothingToOthers() throws {
        _ = harness.load("a")
        let failed = try harness.inspect("a")
        harness.send(.startFailed(failed, try harness.generation(of: failed), reason: "no such layer"))
        harness.fillPools()
        let request = harness.request("b")
        let engine = try harness.inspect("b")
        try harness.becomeReady("b")
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
    }
}
