import Scheduling
import Testing

@Suite struct LoadTests {
    private var harness = Harness()

    init() { harness.boot() }

    @Test mutating func whatIsReadyIsLoadedAlready() throws {
        let engine = try harness.start("a")
        let load = harness.load("a")
        #expect(harness.actions.last == .completeLoad(load, engine))
    }

    @Test mutating func loadsAndRequestsShareOneStart() throws {
        let loads = [harness.load("a"), harness.load("a")]
        _ = harness.request("a")
        let engine = try harness.inspect("a")
        #expect(!harness.isLoaded(loads[0]))
        try harness.becomeReady("a")
        for load in loads { #expect(harness.actions.contains(.completeLoad(load, engine))) }
        #expect(harness.actions.inspections.count == 1)
    }

    @Test mutating func aLoadIsAnsweredOnce() throws {
        let load = harness.load("a")
        _ = try harness.inspect("a")
        try harness.becomeReady("a")
        harness.send(.shutdown)
        #expect(harness.isLoaded(load))
        #expect(harness.loadFailure(load) == nil)
    }

    @Test(arguments: [false, true])
    mutating func aLoadThatComesWhileTheEngineGoesStartsAnother(isStopping: Bool) throws {
        let old = try harness.start("a")
        let unload = harness.unload("a")
        if isStopping { harness.send(.permitReleased(old)) }
        let load = harness.load("a")
        let request = harness.request("a")
        #expect(!harness.isLoaded(load))
        if !isStopping { harness.send(.permitReleased(old)) }
        harness.endProcesses()
        #expect(harness.unloaded(unload) == [old])
        let new = try harness.inspect("a")
        #expect(new != old)
        try harness.becomeReady("a")
        #expect(harness.actions.contains(.completeLoad(load, new)))
        #expect(harness.outcomes(of: request) == [.admitted(new)])
    }

    @Test mutating func filesThatAreNotReadInTimeFailIt() throws {
        let load = harness.load("a")
        harness.wait(.milliseconds(119_999))
        #expect(harness.loadFailure(load) == nil)
        harness.wait(.milliseconds(1))
        let error = harness.loadFailure(load)
        #expect(error?.code == .deadlinePassed)
        #expect(error?.message.contains("the files of its model folder were not read within 120.0 s") == true)
        #expect(harness.engine(of: "a") == nil)
    }

    @Test func filesMayTakeLongerToReadThanRequestsWait() throws {
        var harness = Harness(limits: .with(queueTimeout: .seconds(30)))
        harness.boot()
        let load = harness.load("a")
        harness.wait(.seconds(80))
        _ = try harness.inspect("a")
        #expect(harness.phase(of: "a") == .starting)
        #expect(harness.loadFailure(load) == nil)
    }

    @Test func whatDoesNotWaitInAQueueHasNoDeadline() throws {
        var harness = Harness(limits: .with(queueTimeout: .seconds(1)))
        harness.boot()
        let load = harness.load("a")
        _ = try harness.inspect("a")
        harness.wait(.seconds(80))
        #expect(harness.loadFailure(load) == nil)
        try harness.becomeReady("a")
        #expect(harness.isLoaded(load))
    }
}
