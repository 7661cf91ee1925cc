import Foundation
import TestSupport
import Testing

extension RealRuntime {
    @Suite struct Losses {
        /// Whatever is killed, whenever: its requests hear of it, and the next one is served.
        @Test func costOneEngineOnly() async throws {
            try await withController(RealSetup.controller("alpha", "beta")) { controller in
                try await controller.waitUntilWarm()
                #expect(try await controller.ask("beta").succeeded().answer() != "")
                for victim in [\EngineState.pid, \EngineState.frontEndPid] {
                    try await killInMidStream(controller, victim)
                    try await killWhileIdle(controller, victim)
                    try await killWhileLoading(controller, victim)
                }
                // The other model has not noticed.
                #expect(try await controller.engine(of: "beta").id == "e-1")
                #expect(try await controller.ask("beta").succeeded()[header: "x-start-tier"] == "hot")
            }
        }

        private func killInMidStream(
            _ controller: RunningController, _ victim: KeyPath<EngineState, Int?>
        ) async throws {
            var stream = try await controller.stream("alpha", "Tell me a long story.", tokens: 1500)
            _ = try await stream.nextToken()
            let engine = try await controller.engine(of: "alpha")
            try ProcessTable.kill(try #require(engine[keyPath: victim]))
            #expect(try await stream.rest().last == .error(code: "engine_died"))
            try await gone(engine, controller)
            // At once, or after a pause if it was not the first loss in a row.
            try await eventually("alpha answers again") { try await controller.ask("alpha").status == 200 }
        }

        private func killWhileIdle(
            _ controller: RunningController, _ victim: KeyPath<EngineState, Int?>
        ) async throws {
            // The last loss may still count as one too many in a row.
            let engine = try await eventually("alpha is loaded") { try? await controller.load("alpha") }
            let state = try await controller.engine(of: "alpha")
            #expect(state.id == engine.id)
            try ProcessTable.kill(try #require(state[keyPath: victim]))
            try await gone(state, controller)
        }

        private func killWhileLoading(
            _ controller: RunningController, _ victim: KeyPath<EngineState, Int?>
        ) async throws {
            // Once it has been loaded, no pause after an earlier loss is in force.
            _ = try await eventually("alpha is loaded") { try? await controller.load("alpha") }
            _ = try await controller.unload("alpha")
            let waiting = Task { try await controller.ask("alpha") }
            let engine = try await eventually("alpha starts") {
                try await controller.engines().first { $0.model == "alpha" && $0.state == "starting" }
            }
            try ProcessTable.kill(try #require(engine[keyPath: victim]))
            let reply = try await waiting.value
            #expect(reply.status == 503)
            #expect(try reply.error().code == "start_failed")
            #expect(try reply.error().message.contains("Last lines of its log"))
            try await eventually("alpha answers again") { try await controller.ask("alpha").status == 200 }
        }

        private func gone(_ engine: EngineState, _ controller: RunningController) async throws {
            let pids = [engine.pid, engine.frontEndPid].compactMap(\.self)
            try await eventually("both processes are gone") { !pids.contains(where: ProcessTable.isAlive) }
            try await eventually("the engine is gone") {
                try await !controller.engines().contains { $0.id == engine.id }
            }
        }

        @Test func ofAZygoteCostNoEngine() async throws {
            try await withController(RealSetup.controller("alpha", "beta")) { controller in
                var stream = try await controller.stream("alpha", "Tell me a long story.", tokens: 400)
                _ = try await stream.nextToken()
                let zygote = try #require(try await controller.runtime().pid)
                try ProcessTable.kill(zygote)
                #expect(try await stream.rest().last == .done)
                #expect(try await controller.ask("beta").succeeded().answer() != "")
                try await eventually("there is another zygote", within: .seconds(300)) {
                    let runtime = try await controller.runtime()
                    return runtime.state == "ready" && runtime.pid != zygote
                }
            }
        }
    }
}
