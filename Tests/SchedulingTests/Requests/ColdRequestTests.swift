import Scheduling
import Testing

@Suite struct ColdRequestTests {
    @Test func aZygoteAndAPoolAreMadeBeforeAnybodyAsks() {
        var harness = Harness()
        let zygotes = harness.send(.tick).zygoteStarts
        #expect(zygotes.count == 1)
        let forks = zygotes.flatMap { harness.send(.zygoteReady($0)) }.forks
        #expect(forks == [.core, .frontEnd])
        harness.fillPools()
        #expect(harness.processes(.core, .idle).count == 1)
        #expect(harness.processes(.frontEnd, .idle).count == 1)
        #expect(harness.scheduler.nextDeadline == nil)
    }

    @Test func aRequestForAColdModelGoesTheWholeWay() throws {
        var harness = Harness()
        harness.boot()
        let request = harness.request("a")
        #expect(harness.actions.inspections == ["a"])
        #expect(harness.phase(of: "a") == .queued)
        #expect(harness.outcomes(of: request) == [])

        harness.wait(.milliseconds(20))
        let engine = try harness.inspect("a")
        let assignment = try #require(harness.actions.assignments.first)
        #expect(assignment.engine == engine)
        #expect(assignment.model == "a")
        #expect(assignment.generation == Generation(epoch: 3, counter: 1))
        #expect(harness.scheduler.processes[assignment.core]?.state == .leased(engine))
        #expect(harness.scheduler.processes[assignment.frontEnd]?.state == .leased(engine))
        #expect(harness.phase(of: "a") == .starting)

        harness.wait(.milliseconds(500))
        let generation = assignment.generation
        for (stage, milliseconds) in [("config", 30.0), ("attach", 40), ("config", 50), ("load", 200), ("listen", 5)] {
            harness.send(.stage(engine, generation, StageTime(stage: stage, milliseconds: milliseconds)))
        }
        #expect(harness.scheduler.tier(of: "a") == .cold)
        let decided = harness.send(.ready(engine, generation))
        // Both processes report `config`: the slower one counts.
        let timings = [
            ("queue", 520.0), ("lease", 20), ("config", 50), ("attach", 40), ("load", 200), ("listen", 5),
        ].map { StageTime(stage: $0.0, milliseconds: $0.1) }
        #expect(
            decided == [.publishRoutes, .admit(request, engine, tier: .cold, timings: timings), .measure(engine)])
        #expect(harness.scheduler.tier(of: "a") == .hot)
        #expect(harness.scheduler.models["a"]?.lastStart == .milliseconds(520))
    }

    @Test func requestsThatComeMeanwhileShareTheStart() throws {
        var harness = Harness(models: [.named("a", aliases: ["default"])])
        harness.boot()
        let first = harness.request("a")
        let second = harness.request("default")
        let engine = try harness.inspect("a")
        let third = harness.request("a")
        let load = harness.load("a")
        try harness.becomeReady("a")
        #expect(harness.actions.inspections == ["a"])
        #expect(harness.actions.assignments.count == 1)
        #expect(harness.actions.admissions == [first, second, third])
        #expect(harness.outcomes(of: third) == [.admitted(engine)])
        #expect(harness.isLoaded(load))
    }

    @Test func aRequestForAReadyModelWaitsForNothing() throws {
        var harness = Harness()
        harness.boot()
        let engine = try harness.start("a")
        harness.wait(.milliseconds(1))
        // By any of its names, the engine's id included.
        harness.send(.request(RequestID(1), model: engine.description, bytes: 1))
        #expect(
            harness.actions.last
                == .admit(
                    RequestID(1), engine, tier: .hot, timings: [StageTime(stage: "queue", milliseconds: 0)]))
    }

    @Test func aClientThatLeavesDoesNotStopTheStart() throws {
        var harness = Harness()
        harness.boot()
        let request = harness.request("a")
        let engine = try harness.inspect("a")
        #expect(harness.send(.withdraw(request)) == [])
        try harness.becomeReady("a")
        #expect(harness.phase(of: "a") == .ready)
        #expect(harness.outcomes(of: request) == [])
        let next = harness.request("a")
        #expect(harness.outcomes(of: next) == [.admitted(engine)])
    }

    @Test func aModelThatNobodyKnowsIsRefused() throws {
        var harness = Harness()
        harness.boot()
        let request = harness.request("c")
        #expect(try harness.refusal(of: request).code == .unknownModel)
        let load = harness.load("c")
        #expect(harness.loadFailure(load)?.code == .unknownModel)
    }

    @Test func aStartBeforeTheZygoteIsUpWaitsForIt() throws {
        var harness = Harness()
        harness.send(.tick)
        let request = harness.request("a")
        let engine = try harness.inspect("a")
        #expect(harness.phase(of: "a") == .placing)
        harness.boot()
        #expect(harness.phase(of: "a") == .starting)
        try harness.becomeReady("a")
        #expect(harness.outcomes(of: request) == [.admitted(engine)])
    }
}
