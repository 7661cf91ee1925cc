import Foundation
import TestSupport
import Testing

extension Faults {
    /// Resets in place that do not do what they should: such a worker is never used again.
    @Suite struct ResetFaults {
        /// Loads alpha, which has one worker, and unloads it, while beta serves on; then alpha gets another worker.
        ///
        /// - Parameter meanwhile: what is done while alpha is being unloaded.
        private func expectReplaced(
            _ arguments: [String: String], environment: [String: String] = [:], because reason: String,
            meanwhile: (RunningController, WorkerState) async throws -> Void = { _, _ in }
        ) async throws {
            let models: [TestModel] = [.remote("alpha", arguments: arguments), .remote("beta")]
            try await withController(.inPlace(models, environment: environment)) { controller in
                let beta = try await controller.load("beta")
                let engine = try await controller.load("alpha")
                let worker = try #require(try await controller.pool(of: engine.id).first)
                let unloading = Task { try await controller.unload("alpha") }
                try await meanwhile(controller, worker)
                #expect(try await unloading.value.engines == [engine.id])
                // Its memory is free when it is gone, and not before.
                #expect(!ProcessTable.isAlive(try #require(worker.pid)))
                let next = try await controller.load("alpha")
                #expect(!next.workers.contains(worker.id))
                #expect(try await controller.ask("alpha").succeeded().answer() == "alpha: one two")
                controller.expectRetired(worker, because: reason.replacingOccurrences(of: "ENGINE", with: engine.id))
                #expect(try await controller.engine(of: "beta").workers == beta.workers)
                #expect(try await controller.ask("beta").succeeded()[header: "x-start-tier"] == "hot")
            }
        }

        @Test func oneThatFails() async throws {
            try await expectReplaced(
                ["sim-reset-fail": "true"], because: "could not be reset after ENGINE: sim-reset-fail")
        }

        @Test func oneThatIsNeverAnswered() async throws {
            try await expectReplaced(
                ["sim-reset-hang": "true", "sim-memory-bytes": "\(64 << 20)"],
                because: "did not let go of ENGINE within 10.0 s"
            ) { controller, worker in
                try await eventually("it is reset") {
                    try await controller.pool().contains { $0.id == worker.id && $0.state == "resetting" }
                }
                // Others do not wait for it, and what it holds is not given to them.
                let beta = try #require(try await controller.model("beta").footprintBytes)
                #expect(try await controller.devices()[0].usedBytes > beta)
                #expect(try await controller.ask("beta").succeeded()[header: "x-start-tier"] == "hot")
            }
        }

        @Test func oneThatCannotTellWhatItOwns() async throws {
            try await expectReplaced(
                [:], environment: ["SIM_MEMORY_UNKNOWN": "1"],
                because: "was used by ENGINE, and what it owned when it was new is not known")
        }

        @Test func oneThatKeepsMemory() async throws {
            let kept = 48 << 20
            let alpha = TestModel.remote("alpha", arguments: ["sim-reset-keeps-bytes": "\(kept)"])
            try await withController(.inPlace([alpha])) { controller in
                let engine = try await controller.load("alpha")
                let worker = try #require(try await controller.pool(of: engine.id).first)
                _ = try await controller.unload("alpha")
                let line = try #require(
                    controller.process.errorText.split(separator: "\n").last {
                        $0.contains("worker retired") && $0.contains("cause=memory")
                    })
                #expect(line.contains("process.id=\(worker.id)"), "\(line)")
                let sum = try #require(
                    line.firstMatch(
                        of: /owns (\d+) bytes after its reset for (e-\d+): its baseline is (\d+), (\d+) more/),
                    "\(line)")
                let (owned, baseline) = (try #require(Int(sum.1)), try #require(Int(sum.3)))
                #expect(String(sum.2) == engine.id)
                #expect(Int(sum.4) == ControllerSetup.resetTolerance)
                let surplus = owned - baseline - ControllerSetup.resetTolerance
                #expect(line.contains("are allowed, and so it has \(surplus) too many"), "\(line)")
                #expect(owned - baseline >= kept)
                let idle = try await controller.awaitIdlePool(of: 1)
                #expect(!idle.contains { $0.id == worker.id })

                // Whoever follows the events is alarmed, and it is counted.
                var follower = try await controller.follow(after: "0")
                let alarm = try #require(try await follower.read(until: "alarm").last)
                #expect(alarm.worker == worker.id)
                #expect(alarm.engine == engine.id)
                #expect(alarm.cause == "memory")
                #expect(alarm.reason?.contains("it has \(surplus) too many") == true)
                #expect(try await controller.metrics()[#"worker_retirements_total{cause="memory"}"#] == 1)
            }
        }

        /// What is kept adds up: the baseline is that of the new worker, whatever it owned at its last reset.
        @Test func oneThatKeepsALittleEachTime() async throws {
            let kept = ControllerSetup.resetTolerance * 3 / 8
            let alpha = TestModel.remote("alpha", arguments: ["sim-reset-keeps-bytes": "\(kept)"])
            try await withController(.inPlace([alpha])) { controller in
                let worker = try #require(try await controller.awaitIdlePool(of: 1).first)
                var uses = 0
                while true {
                    let engine = try await controller.load("alpha")
                    guard engine.workers == [worker.id] else { break }
                    uses += 1
                    _ = try await controller.unload("alpha")
                    try await controller.awaitIdlePool(of: 1)
                }
                // A process's own memory changes a little by itself.
                #expect((2...3).contains(uses))
                controller.expectRetired(worker, because: "its baseline is \(try #require(worker.privateBytes)),")
            }
        }

        /// The other worker of its group is reset, and used again.
        @Test func oneThatDiesInIt() async throws {
            let alpha = TestModel.remote("alpha", workers: 2, arguments: ["sim-reset-ms": "3000"])
            try await withController(.inPlace([alpha])) { controller in
                let engine = try await controller.load("alpha")
                let workers = try await controller.pool(of: engine.id)
                let unloading = Task { try await controller.unload("alpha") }
                try await eventually("they are reset") {
                    try await controller.pool().count { $0.state == "resetting" } == 2
                }
                try ProcessTable.kill(try #require(workers[1].pid))
                #expect(try await unloading.value.engines == [engine.id])
                let idle = try await controller.awaitIdlePool(of: 2)
                #expect(idle.contains { $0.pid == workers[0].pid && $0.timesUsed == 1 })
                #expect(!idle.contains { $0.pid == workers[1].pid })
                #expect(try await controller.ask("alpha").succeeded().answer() == "alpha: one two")
            }
        }
    }
}
