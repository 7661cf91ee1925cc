import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite struct Pool {
        @Test func isFullAgainWithinASecond() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                var fastest = Duration.seconds(3600)
                for _ in 0..<3 {
                    let idle = try await controller.idleWorker()
                    let before = ContinuousClock.now
                    let engine = try await controller.load("alpha")
                    // It took the one that was ready, and another came in its place.
                    #expect(engine.pid == idle.pid)
                    let replacement = try await controller.idleWorker()
                    fastest = min(fastest, ContinuousClock.now - before)
                    #expect(replacement.pid != idle.pid)
                    // What it owns is known from its answer to a ping.
                    #expect(try #require(replacement.privateBytes) > 0)
                    _ = try await controller.unload("alpha")
                }
                // The best of three, because this machine does other things too; with the start of the engine in it.
                #expect(fastest < .seconds(1))
            }
        }

        @Test func keepsAsManyAsConfigured() async throws {
            let setup = ControllerSetup([TestModel("alpha")], templates: false, settings: ["pool": "{idle_workers: 3}"])
            try await withController(setup) { controller in
                try await eventually("three are idle") {
                    try await controller.workers().map(\.state) == ["idle", "idle", "idle"]
                }
                _ = try await controller.load("alpha")
                try await eventually("three are idle again") {
                    try await controller.workers().map(\.state).sorted() == ["idle", "idle", "idle", "leased"]
                }
            }
        }

        @Test func replacesAnIdleProcessThatDies() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                let idle = try await controller.idleWorker()
                try ProcessTable.kill(try #require(idle.pid))
                try await eventually("another is idle") {
                    try await controller.workers().contains { $0.state == "idle" && $0.id != idle.id }
                }
                _ = try await controller.ask("alpha").succeeded()
            }
        }
    }
}

extension RunningController {
    fileprivate func idleWorker() async throws -> WorkerState {
        try await eventually("a worker is idle") { try await workers().first { $0.state == "idle" } }
    }
}
