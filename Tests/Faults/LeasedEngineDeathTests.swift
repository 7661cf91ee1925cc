import Foundation
import TestSupport
import Testing

extension Faults {
    /// kill -9 of anything that there is while workers are leased: nothing of it stays, and every other engine goes on.
    @Suite struct LeasedEngineDeaths {
        enum Victim: CaseIterable {
            case core, frontEnd, worker, template, zygote

            func pid(_ engine: EngineState, _ controller: RunningController) async throws -> Int {
                let pid: Int? =
                    switch self {
                    case .core: engine.pid
                    case .frontEnd: engine.frontEndPid
                    case .worker: try await controller.pool(of: engine.id).first?.pid
                    case .template: try await controller.model(engine.model).template?.pid
                    case .zygote: try await controller.runtime().pid
                    }
                return try #require(pid)
            }

            var endsTheEngine: Bool { self != .template && self != .zygote }
        }

        @Test(arguments: Victim.allCases)
        func nothingIsLeft(_ victim: Victim) async throws {
            let models: [TestModel] = [
                .remote("alpha", workers: 2), .remote("beta", arguments: ["sim-tokens-per-second": "20"]),
            ]
            try await withController(.init(models)) { controller in
                for model in models { try await controller.awaitTemplate(of: model.name) }
                let alpha = try await controller.load("alpha")
                var stream = try await controller.stream("beta", "b", tokens: 41)
                #expect(try await stream.nextToken() == "beta:")
                let beta = try await controller.engine(of: "beta")
                let executor = try UserExecutor(controller.folder, workers: 2)
                let mine = try await executor.ready()
                let killed = try await victim.pid(alpha, controller)
                try ProcessTable.kill(killed)

                #expect(try await controller.ask("alpha", "x", tokens: 2).succeeded().answer() == "alpha: x")
                if victim.endsTheEngine {
                    try await controller.expectGone(alpha)
                } else {
                    #expect(try await controller.engine(of: "alpha").workers == alpha.workers)
                }
                #expect(try await stream.rest() == Array(repeating: .token(" b"), count: 40) + [.done])
                #expect(try await controller.engine(of: "beta").workers == beta.workers)
                #expect(try await controller.pool(of: mine.engine).map(\.pid) == mine.workers.map(\.pid))
                #expect(executor.process.exitNow == nil)

                executor.process.send(SIGTERM)
                #expect(try await executor.process.waitForEnd() == .status(0))
                for model in models { _ = try await controller.unload(model.name) }
                for model in models { try await controller.awaitTemplate(of: model.name) }
                #expect(!ProcessTable.isAlive(killed))
                // Controller, zygote, two templates, three pairs, and a pool of the larger group's size.
                try await controller.usage(atRestWith: 12, workers: 2)
                try await eventually("no memory is held but the templates'") {
                    let held = try await controller.models().reduce(0) { $0 + ($1.template?.footprintBytes ?? 0) }
                    return try await controller.devices()[0].usedBytes == held
                }
            }
        }

        @Test func theNextControllerStartsCleanly() async throws {
            let setup = ControllerSetup([.remote("alpha", workers: 2), .remote("beta")], templates: false)
            try await withControllerFolder(setup) { folder in
                let first = try await folder.start()
                let alpha = try await first.load("alpha")
                let parked = try await first.load("beta")
                _ = try await first.park(parked.id).succeeded()
                let executor = try UserExecutor(folder, workers: 2)
                let mine = try await executor.ready()
                let workers = try await first.pool().compactMap(\.pid)
                try await first.killAtOnce()
                // None of it is bound to the controller.
                #expect((alpha.pids + parked.pids + mine.workers.map(\.pid)).allSatisfy(ProcessTable.isAlive))

                let second = try await folder.start()
                #expect((alpha.pids + parked.pids + workers).allSatisfy { !ProcessTable.isAlive($0) })
                // A user's process is the user's: it fails for want of its workers.
                #expect(try await executor.process.waitForEnd() == UserExecutor.End.workersLost)
                #expect(try await second.engines().isEmpty)
                #expect(try await second.ask("alpha").succeeded()[header: "x-start-tier"] == "cold")
                _ = try await UserExecutor(folder, workers: 2).ready()
                _ = try await second.unload("alpha")
                try await second.stop()
                try folder.expectNothingLeft()
            }
        }

        @Test func withoutAControllerAllEnd() async throws {
            let setup = ControllerSetup(
                [.remote("alpha", workers: 2), .remote("beta")], settings: ["orphan_timeout": "1500ms"])
            try await withControllerFolder(setup) { folder in
                let controller = try await folder.start()
                _ = try await controller.load("alpha")
                try await controller.awaitTemplate(of: "beta")
                let executor = try UserExecutor(folder, workers: 2)
                _ = try await executor.ready()
                try await controller.killAtOnce()
                #expect(try await executor.process.waitForEnd() == UserExecutor.End.workersLost)
                try await eventually("all have ended") { folder.processes.isEmpty }
                // What they left is the next one's to sweep.
                let next = try await folder.start()
                try await next.stop()
                try folder.expectNothingLeft()
            }
        }

        /// The core waits for its lease, the executor for workers, a worker for its executor: each may be the last moment.
        @Test func theControllerDiesInTheMiddleOfStarts() async throws {
            let models: [TestModel] = [
                .remote("alpha", workers: 2, arguments: ["sim-load-ms": "300"]), .remote("beta"),
            ]
            try await withControllerFolder(.init(models, templates: false)) { folder in
                for number in 0..<6 {
                    let controller = try await folder.start()
                    let asking = models.map { model in Task { try await controller.ask(model.name) } }
                    let executor = try UserExecutor(folder)
                    // At several moments: that is the point, so there is no event to wait for.
                    try await Task.sleep(for: .milliseconds(60 * number))
                    try await controller.killAtOnce()
                    for request in asking { _ = await request.result }
                    executor.process.send(SIGKILL)
                    _ = try await executor.process.waitForEnd()
                }
                let last = try await folder.start()
                for model in models { _ = try await last.ask(model.name).succeeded() }
                for model in models { _ = try await last.unload(model.name) }
                // Controller, zygote, a pair, and the workers.
                try await last.usage(atRestWith: 6, workers: 2)
                try await last.stop()
                try folder.expectNothingLeft()
            }
        }
    }
}
