import Foundation
import TestSupport
import Testing

extension Faults {
    @Suite struct EngineDeaths {
        enum Victim: CaseIterable {
            case core, frontEnd

            func pid(of engine: EngineState) throws -> Int {
                try #require(self == .core ? engine.pid : engine.frontEndPid)
            }
        }

        @Test(arguments: Victim.allCases)
        func whileLoading(_ victim: Victim) async throws {
            let models = [TestModel("alpha", arguments: ["sim-load-ms": "60000"]), TestModel("beta")]
            try await withController(.init(models)) { controller in
                _ = try await controller.load("beta")
                let waiting = (0..<2).map { _ in Task { try await controller.ask("alpha") } }
                let engine = try await eventually("it loads") {
                    let engine = try await controller.engines().first { $0.model == "alpha" }
                    let waiting = try await controller.model("alpha").waiting
                    let hasBegun = engine?.stages.contains { $0.stage == "attach" } == true
                    return hasBegun && waiting == 2 ? engine : nil
                }
                try ProcessTable.kill(try victim.pid(of: engine))
                for request in waiting {
                    let reply = try await request.value
                    #expect(reply.status == 503)
                    let error = try reply.error()
                    #expect(error.code == "start_failed")
                    #expect(error.message.contains("'alpha' could not be started"))
                }
                try await controller.expectGone(engine)
                #expect(try await controller.ask("beta").succeeded()[header: "x-start-tier"] == "hot")
            }
        }

        @Test(arguments: Victim.allCases)
        func whileIdle(_ victim: Victim) async throws {
            try await withController(.init([TestModel("alpha"), TestModel("beta")])) { controller in
                let beta = try await controller.load("beta")
                let engine = try await controller.load("alpha")
                try ProcessTable.kill(try victim.pid(of: engine))
                // However soon a request comes, it is answered: by a front end that has not noticed, or by another engine.
                #expect(try await controller.ask("alpha").succeeded().answer() == "alpha: one two")
                try await controller.expectGone(engine)
                #expect(try await controller.ask("alpha").succeeded().answer() == "alpha: one two")
                #expect(try await controller.engine(of: "alpha").id == "e-3")
                #expect(try await controller.engine(of: "beta").pids == beta.pids)
            }
        }

        @Test(arguments: Victim.allCases)
        func inMidStream(_ victim: Victim) async throws {
            let slow = ["sim-tokens-per-second": "20"]
            let models = [TestModel("alpha", arguments: slow), TestModel("beta", arguments: slow)]
            try await withController(.init(models, templates: false)) { controller in
                var untouched = try await controller.stream("beta", "b", tokens: 31)
                #expect(try await untouched.nextToken() == "beta:")
                var stream = try await controller.stream("alpha", "a", tokens: 1000)
                #expect(try await stream.nextToken() == "alpha:")
                let engine = try await controller.engine(of: "alpha")
                try ProcessTable.kill(try victim.pid(of: engine))

                let rest = try await stream.rest()
                #expect(rest.last == .error(code: "engine_died"))
                #expect(rest.dropLast().allSatisfy { $0 == .token(" a") })

                let next = try await controller.ask("alpha").succeeded()
                #expect(next[header: "x-start-tier"] == "cold")
                #expect(try await controller.engine(of: "alpha").id != engine.id)
                try await controller.expectGone(engine)
                #expect(try await untouched.rest() == Array(repeating: .token(" b"), count: 30) + [.done])
            }
        }

        @Test(arguments: Victim.allCases)
        func beforeTheFirstByte(_ victim: Victim) async throws {
            let model = TestModel("alpha", arguments: ["sim-first-token-ms": "1500"])
            try await withController(.init([model])) { controller in
                let engine = try await controller.load("alpha")
                let requests = (0..<2).map { _ in Task { try await controller.ask("alpha") } }
                try await eventually("they are in the engine") {
                    try await controller.engine(of: "alpha").inFlight == 2
                }
                try ProcessTable.kill(try victim.pid(of: engine))
                // Nobody sees it: another engine answers.
                for request in requests { #expect(try await request.value.succeeded().answer() == "alpha: one two") }
                #expect(try await controller.engines().map(\.id) == ["e-2"])
                try await controller.expectGone(engine)
            }
        }

        @Test func againAndAgain() async throws {
            let model = TestModel(
                "alpha", arguments: ["sim-crash-after-requests": "1", "sim-first-token-ms": "3000"])
            try await withController(.init([model])) { controller in
                // The engine dies of it, and so does the second one.
                let reply = try await controller.ask("alpha")
                #expect(reply.status == 502)
                #expect(try reply.error().code == "engine_died")
                // Not a third time at once.
                let next = try await controller.ask("alpha")
                #expect(next.status == 503)
                #expect(try next.error().code == "backing_off")
                #expect(next[header: "retry-after"] != nil)
            }
        }

        @Test func atAStage() async throws {
            let models = ["load", "listen"].map { TestModel("at-\($0)", arguments: ["sim-crash-at": $0]) }
            try await withController(.init(models)) { controller in
                for model in models {
                    let error = try await controller.ask(model.name).error()
                    #expect(error.code == "start_failed")
                    #expect(error.message.contains("could not be started: "), "\(error.message)")
                    #expect(error.message.contains("crashing reason=sim-crash-at"), "\(error.message)")
                }
                try await eventually("all is gone") { try await controller.engines().isEmpty }
            }
        }
    }
}

extension RunningController {
    /// Both processes of an engine end when one does.
    func expectGone(_ engine: EngineState) async throws {
        try await eventually("\(engine.id) is gone") {
            let isListed = try await engines().contains { $0.id == engine.id }
            return !isListed && engine.pids.allSatisfy { !ProcessTable.isAlive($0) }
        }
    }
}
