import Scheduling
import Testing

@Suite struct RemovalTests {
    private var harness = Harness(models: [.named("a")])

    init() { harness.boot() }

    @Test mutating func anIdleEngineEndsAndIsForgotten() throws {
        let engine = try harness.make(.named("x", aliases: ["org/x"]))
        let before = harness.actions.count
        let command = harness.remove("x")
        #expect(harness.actions[before...].contains(.drain(engine)))
        #expect(harness.actions[before...].contains(.publishRoutes))
        for name in ["x", "org/x", engine.description] {
            #expect(harness.scheduler.model(named: name) == nil)
            let request = harness.request(name)
            #expect(harness.outcomes(of: request) == [.refused(.unknownModel)])
        }
        harness.send(.permitReleased(engine))
        #expect(!harness.isRemoved(command))
        harness.endProcesses()
        #expect(harness.isRemoved(command))
        #expect(!harness.isKnown("x"))
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == 0)
    }

    @Test mutating func requestsInFlightEndFirstButNotForEver() throws {
        let engine = try harness.make(.named("x"))
        harness.inFlight[engine] = 1
        let command = harness.remove("x")
        harness.send(.permitReleased(engine))
        #expect(harness.actions.ends == [])
        harness.wait(.seconds(60))
        #expect(harness.actions.ends.count == 2)
        harness.endProcesses()
        #expect(harness.isRemoved(command))
    }

    @Test(arguments: [EnginePhase.queued, .placing, .starting])
    func aStartIsCalledOff(in phase: EnginePhase) throws {
        var harness = Harness(models: [])
        harness.send(.tick)
        if phase == .starting { harness.boot() }
        let creation = harness.create(.named("x"))
        let request = harness.request("x")
        if phase != .queued { _ = try harness.inspect("x") }
        #expect(harness.phase(of: "x") == phase)
        let removal = harness.remove("x")
        #expect(harness.loadFailure(creation)?.code == .conflict)
        #expect(try harness.refusal(of: request).message == "The engine 'x' was deleted while this waited.")
        harness.endProcesses()
        #expect(harness.isRemoved(removal))
        #expect(harness.removed == ["x"])
    }

    @Test mutating func itsTemplateGoesWithIt() throws {
        let engine = try harness.make(.named("x", hasTemplate: true))
        let template = try harness.makeTemplate("x")
        let command = harness.remove("x")
        #expect(harness.actions.ends.contains(template))
        #expect(harness.actions.ends.count == 3)
        harness.endEngine(engine)
        #expect(harness.isRemoved(command))
        #expect(harness.actions.templateInspections == ["x"])
        #expect(harness.processes(.template, .ending(nil)) == [])
    }

    @Test mutating func aTemplateThatIsBegunIsGivenUp() throws {
        let engine = try harness.make(.named("x", hasTemplate: true))
        #expect(harness.template(of: "x")?.phase == .inspecting)
        let command = harness.remove("x")
        harness.endEngine(engine)
        #expect(harness.isRemoved(command))
        harness.inspectTemplate("x")
        #expect(harness.actions.forks.count { $0 == .template } == 0)
    }

    @Test mutating func oneThatIsNotLoadedIsForgottenAtOnce() throws {
        let engine = try harness.make(.named("x"))
        _ = harness.unload("x")
        harness.endEngine(engine)
        #expect(harness.isKnown("x"))
        let command = harness.remove("x")
        #expect(harness.isRemoved(command))
        #expect(!harness.isKnown("x"))
    }

    @Test mutating func twoRemovalsShareTheEndAndAThirdFindsNothing() throws {
        let engine = try harness.make(.named("x"))
        let commands = [harness.remove("x"), harness.remove("x")]
        harness.endEngine(engine)
        for command in commands { #expect(harness.isRemoved(command)) }
        #expect(harness.removed == ["x"])
        let third = harness.remove("x")
        #expect(harness.isRemoved(third))
    }

    @Test mutating func theNameIsFreeOnceTheEngineIsGone() throws {
        let engine = try harness.make(.named("x"))
        _ = harness.remove("x")
        let early = harness.create(.named("x"))
        #expect(harness.loadFailure(early)?.code == .conflict)
        #expect(harness.loadFailure(early)?.message.contains("being deleted") == true)
        harness.endEngine(engine)
        let next = try harness.make(.named("x", gibibytes: 3))
        #expect(next != engine)
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == 3 << 30)
    }

    @Test mutating func anEvictionThatIsRefusedMeanwhileChangesNothing() throws {
        harness = Harness(models: [.named("a", gibibytes: 7)])
        harness.boot()
        let engine = try harness.make(.named("x"))
        harness.wait(.seconds(20))
        _ = harness.load("a")
        _ = try harness.inspect("a")
        #expect(harness.actions.evictions == [engine])
        harness.inFlight[engine] = 1
        let command = harness.remove("x")
        #expect(harness.send(.evictionRefused(engine)).contains(.drain(engine)))
        harness.inFlight[engine] = 0
        harness.endEngine(engine)
        #expect(harness.isRemoved(command))
        #expect(harness.phase(of: "a") == .starting)
    }

    @Test mutating func aRequestThatComesBackFindsNothing() throws {
        let engine = try harness.make(.named("x"))
        let request = harness.request("x")
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
        _ = harness.remove("x")
        harness.send(.returned(request, model: "x", bytes: 100, waitedSince: harness.now))
        #expect(harness.outcomes(of: request) == [.admitted(engine), .refused(.engineDied)])
    }

    @Test mutating func whoWaitsForItsSleepIsTold() throws {
        let engine = try harness.make(.named("x", hasTemplate: true))
        try harness.makeTemplate("x")
        let sleep = harness.sleep("x")
        _ = harness.remove("x")
        #expect(harness.sleepFailure(sleep)?.code == .conflict)
        harness.endEngine(engine)
        #expect(!harness.isKnown("x"))
    }

    @Test mutating func aShutdownEndsItToo() throws {
        let engine = try harness.make(.named("x"))
        harness.inFlight[engine] = 1
        let command = harness.remove("x")
        harness.send(.shutdown)
        harness.inFlight[engine] = 0
        harness.endEngine(engine)
        harness.endProcesses()
        harness.endProcesses()
        #expect(harness.isRemoved(command))
        #expect(harness.actions.last == .finished)
    }

    @Test mutating func aConfiguredModelStays() throws {
        let engine = try harness.start("a")
        let command = harness.remove("a")
        #expect(harness.isRemoved(command))
        #expect(harness.isKnown("a"))
        #expect(harness.phase(of: "a") == .ready)
        let request = harness.request("a")
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
    }
}
