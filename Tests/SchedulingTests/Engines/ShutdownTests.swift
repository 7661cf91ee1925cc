import Scheduling
import Testing

@Suite struct ShutdownTests {
    /// Ends everything in its order, and checks that there is one.
    private func expectEnd(
        _ harness: inout Harness, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        // Engines, then what is idle, then zygotes.
        for _ in 0..<3 { harness.endProcesses() }
        #expect(harness.count { $0 == .finished } == 1, sourceLocation: sourceLocation)
        #expect(harness.scheduler.processes.isEmpty, sourceLocation: sourceLocation)
        #expect(harness.scheduler.engines.isEmpty, sourceLocation: sourceLocation)
        #expect(harness.scheduler.nextDeadline == nil, sourceLocation: sourceLocation)
        // Said once, whatever comes later.
        harness.send(.shutdown)
        harness.wait(.seconds(600))
        #expect(harness.count { $0 == .finished } == 1, sourceLocation: sourceLocation)
    }

    @Test func withNothingThereItIsDoneAtOnce() {
        var harness = Harness()
        #expect(harness.send(.shutdown) == [.finished])
        expectEnd(&harness)
    }

    @Test func aZygoteThatStartsIsEnded() throws {
        var harness = Harness()
        let zygote = try #require(harness.send(.tick).zygoteStarts.first)
        #expect(harness.send(.shutdown).ends == [zygote])
        harness.send(.zygoteReady(zygote))
        #expect(harness.actions.forks.isEmpty)
        expectEnd(&harness)
    }

    @Test func thePoolEndsBeforeItsZygote() throws {
        var harness = Harness()
        harness.boot()
        let zygote = try #require(harness.processes(.zygote, .idle).first)
        let workers = harness.processes(.core, .idle) + harness.processes(.frontEnd, .idle)
        #expect(Set(harness.send(.shutdown).ends) == Set(workers))
        harness.send(.processGone(workers[0], reason: "it was asked to"))
        #expect(!harness.actions.contains(.end(zygote)))
        #expect(harness.send(.processGone(workers[1], reason: "it was asked to")) == [.end(zygote)])
        expectEnd(&harness)
        #expect(harness.actions.zygoteStarts.count == 1)
    }

    @Test(arguments: [EnginePhase.queued, .placing, .starting])
    func aStartIsCalledOff(in phase: EnginePhase) throws {
        var harness = Harness()
        harness.send(.tick)
        if phase == .starting { harness.boot() }
        let request = harness.request("a")
        let load = harness.load("a")
        if phase != .queued { _ = try harness.inspect("a") }
        #expect(harness.phase(of: "a") == phase)
        harness.send(.shutdown)
        #expect(try harness.refusal(of: request).code == .shuttingDown)
        #expect(harness.loadFailure(load)?.code == .shuttingDown)
        expectEnd(&harness)
    }

    @Test func requestsInFlightAreWaitedFor() throws {
        var harness = Harness(models: [.named("a", concurrency: 1)])
        harness.boot()
        let engine = try harness.start("a")
        harness.inFlight[engine] = 1
        let waiting = harness.request("a")
        let decided = harness.send(.shutdown)
        #expect(try harness.refusal(of: waiting).code == .shuttingDown)
        #expect(decided.contains(.drain(engine)))
        #expect(decided.ends.isEmpty)
        harness.inFlight[engine] = 0
        #expect(harness.send(.permitReleased(engine)).ends.count == 2)
        expectEnd(&harness)
    }

    @Test func whatDrainsOrStopsAlreadyGoesOn() throws {
        var harness = Harness()
        harness.boot()
        let draining = try harness.start("a")
        let stopping = try harness.start("b")
        harness.inFlight[draining] = 1
        let unloads = [harness.unload("a"), harness.unload("b")]
        harness.send(.permitReleased(stopping))
        let load = harness.load("b")
        harness.send(.shutdown)
        #expect(harness.loadFailure(load)?.code == .shuttingDown)
        harness.inFlight[draining] = 0
        harness.send(.permitReleased(draining))
        expectEnd(&harness)
        #expect(harness.unloaded(unloads[0]) == [draining])
        #expect(harness.unloaded(unloads[1]) == [stopping])
    }

    @Test func whatComesAfterwardsIsRefused() throws {
        var harness = Harness()
        harness.boot()
        let engine = try harness.start("a")
        harness.inFlight[engine] = 1
        harness.send(.shutdown)
        let request = harness.request("b")
        #expect(try harness.refusal(of: request).code == .shuttingDown)
        let load = harness.load("b")
        #expect(harness.loadFailure(load)?.code == .shuttingDown)
        let returned = RequestID(90)
        harness.send(.returned(returned, model: "a", bytes: 1, waitedSince: harness.now))
        #expect(try harness.refusal(of: returned).code == .shuttingDown)
        let unload = harness.unload("a")
        harness.inFlight[engine] = 0
        harness.send(.permitReleased(engine))
        expectEnd(&harness)
        #expect(harness.unloaded(unload) == [engine])
    }

    @Test func anEngineThatNeverDrainsIsEnded() throws {
        var harness = Harness()
        harness.boot()
        let engine = try harness.start("a")
        harness.inFlight[engine] = 1
        harness.send(.shutdown)
        #expect(harness.wait(.seconds(60)).ends.count == 2)
        expectEnd(&harness)
    }

    @Test func aZygoteThatDiesMeanwhileIsNotStartedAgain() throws {
        var harness = Harness()
        harness.boot()
        let zygote = try #require(harness.processes(.zygote, .idle).first)
        harness.send(.shutdown)
        #expect(harness.send(.processGone(zygote, reason: "killed by signal 9")) == [])
        expectEnd(&harness)
    }
}
