import TestSupport
import Testing

extension Faults {
    /// Templates that were ready, and are not any more.
    @Suite struct TemplateDeaths {
        @Test func anotherIsMadeAndEnginesLiveOn() async throws {
            try await withController(.init([TestModel("alpha"), TestModel("beta")])) { controller in
                let beta = try await controller.awaitTemplate(of: "beta")
                let alpha = try #require(try await controller.awaitTemplate(of: "alpha").pid)
                let engine = try await controller.load("alpha")
                let idle = try await controller.idleWorker(of: "alpha")
                try ProcessTable.kill(alpha)

                let next = try await eventually("another is ready") {
                    let template = try await controller.model("alpha").readyTemplate
                    return template?.pid == alpha ? nil : template
                }
                #expect(next.lastError == nil)
                // What it had made for later went with it.
                try await eventually("its idle processes are gone") { idle.pid.map(ProcessTable.isAlive) != true }
                // The engine never noticed.
                #expect(try await controller.engine(of: "alpha").pids == engine.pids)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
                #expect(try await controller.awaitTemplate(of: "beta").pid == beta.pid)
                _ = try await controller.unload("alpha")
                try await controller.expectGone(engine)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "warm")
            }
        }

        @Test func inSleepTheWeightsAreLost() async throws {
            try await withController(.init([TestModel("alpha"), TestModel("beta")])) { controller in
                for model in ["alpha", "beta"] { _ = try await controller.sleep(model) }
                let before = try #require(try await controller.model("alpha").template?.pid)
                let idle = try await controller.idleWorker(of: "alpha")
                try ProcessTable.kill(before)
                try await eventually("it is known") { try await controller.model("alpha").tier != "asleep" }
                let reply = try await controller.ask("alpha").succeeded()
                #expect(["cold", "warm"].contains(reply[header: "x-start-tier"]))
                #expect(try reply.answer() == "alpha: one two")
                try await eventually("its idle processes are gone") { idle.pid.map(ProcessTable.isAlive) != true }

                // The other sleeps on.
                #expect(try await controller.model("beta").tier == "asleep")
                #expect(try await controller.wake("beta").startTier == "asleep")
                // And this one can sleep again.
                try await controller.awaitTemplate(of: "alpha")
                #expect(try await controller.sleep("alpha").tier == "asleep")
            }
        }

        @Test func anEngineWithSharedWeightsLivesOn() async throws {
            let model = TestModel("alpha", arguments: ["sim-tokens-per-second": "20"])
            try await withController(.init([model])) { controller in
                _ = try await controller.sleep("alpha")
                let template = try #require(try await controller.model("alpha").template?.pid)
                let engine = try await controller.wake("alpha")
                var stream = try await controller.stream("alpha", "a", tokens: 31)
                #expect(try await stream.nextToken() == "alpha:")
                try ProcessTable.kill(template)
                #expect(try await stream.rest() == Array(repeating: .token(" a"), count: 30) + [.done])
                #expect(try await controller.engine(of: "alpha").pids == engine.pids)
                _ = try await controller.unload("alpha")
                try await controller.expectGone(engine)
            }
        }

        /// It answers no fork: what it made lives on, and another is made.
        @Test func oneThatHangsIsReplaced() async throws {
            try await withController(.init([TestModel("alpha")])) { controller in
                let template = try #require(try await controller.awaitTemplate(of: "alpha").pid)
                _ = try await controller.idleWorker(of: "alpha")
                try ProcessTable.stop(template)
                // Its idle pair serves this one; the next one of it never comes.
                let engine = try await controller.load("alpha")
                #expect(engine.startTier == "warm")
                try await eventually("another is ready") {
                    let ready = try await controller.model("alpha").readyTemplate
                    return ready != nil && ready?.pid != template
                }
                #expect(!ProcessTable.isAlive(template))
                #expect(try await controller.engine(of: "alpha").pids == engine.pids)
                _ = try await controller.unload("alpha")
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "warm")
            }
        }

        @Test func whenTheZygoteDiesTemplatesLiveOn() async throws {
            try await withController(.init([TestModel("alpha"), TestModel("beta")])) { controller in
                let alpha = try await controller.awaitTemplate(of: "alpha")
                _ = try await controller.sleep("beta")
                let beta = try await controller.awaitTemplate(of: "beta")
                let zygote = try #require(try await controller.runtime().pid)
                try ProcessTable.kill(zygote)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "warm")
                #expect(try await controller.wake("beta").startTier == "asleep")
                try await eventually("another zygote is ready") {
                    let runtime = try await controller.runtime()
                    return runtime.state == "ready" && runtime.pid != zygote
                }
                #expect(try await controller.awaitTemplate(of: "alpha").pid == alpha.pid)
                #expect(try await controller.awaitTemplate(of: "beta").pid == beta.pid)
                // When they die now, the new zygote makes the next.
                try ProcessTable.kill(try #require(alpha.pid))
                try await eventually("another is ready") {
                    let ready = try await controller.model("alpha").readyTemplate
                    return ready != nil && ready?.pid != alpha.pid
                }
            }
        }

        @Test func withoutAControllerTheyEnd() async throws {
            let setup = ControllerSetup(
                [TestModel("alpha"), TestModel("beta")], settings: ["orphan_timeout": "1500ms"])
            try await withControllerFolder(setup) { folder in
                let controller = try await folder.start()
                _ = try await controller.sleep("alpha")
                try await controller.awaitTemplate(of: "beta")
                _ = try await controller.load("beta")
                try await controller.killAtOnce()
                #expect(!folder.processes.isEmpty)
                try await eventually("all have ended") { folder.processes.isEmpty }
                let next = try await folder.start()
                try await next.stop()
                try folder.expectNothingLeft()
            }
        }

        @Test func theNextControllerEndsThem() async throws {
            try await withControllerFolder(.init([TestModel("alpha"), TestModel("beta")])) { folder in
                let first = try await folder.start()
                _ = try await first.sleep("alpha")
                try await first.awaitTemplate(of: "beta")
                _ = try await first.wake("alpha")
                let templates = try await first.templates().compactMap(\.pid)
                #expect(templates.count == 2)
                try await first.killAtOnce()
                let survivors = folder.processes
                #expect(templates.allSatisfy { template in survivors.contains { $0.pid == template } })

                let second = try await folder.start()
                #expect(survivors.allSatisfy { !ProcessTable.isAlive($0.pid) })
                // Sleep is forgotten with the controller that knew of it.
                for model in ["alpha", "beta"] {
                    try await second.awaitTemplate(of: model)
                    #expect(try await second.ask(model).succeeded()[header: "x-start-tier"] == "warm")
                }
                try await second.stop()
                try folder.expectNothingLeft()
            }
        }
    }
}

extension RunningController {
    /// A process that the model's template has made for later.
    fileprivate func idleWorker(of model: String) async throws -> WorkerState {
        try await eventually("a worker of '\(model)' is idle") {
            try await workers().first { $0.state == "idle" && $0.model == model }
        }
    }
}
