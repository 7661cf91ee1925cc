import Foundation
import TestSupport
import Testing

extension Faults {
    /// Workers that do not do what they are told.
    @Suite struct WorkerFaults {
        @Test func oneThatNeverAnswersALease() async throws {
            let setup = ControllerSetup(
                [.remote("alpha"), TestModel("beta", arguments: ["sim-tokens-per-second": "50"])], templates: false,
                environment: ["SIM_LEASE_HANG": "1"])
            try await withController(setup) { controller in
                let hanging = try #require(try await controller.awaitIdlePool(of: 1).first)
                var stream = try await controller.stream("beta", "b", tokens: 601)
                #expect(try await stream.nextToken() == "beta:")
                let beta = try await controller.engine(of: "beta")
                // Whoever asked notices nothing but the time: the engine is started again, on another worker.
                #expect(try await controller.ask("alpha", tokens: 2).succeeded().answer() == "alpha: one")
                let worker = try #require(try await controller.pool(of: controller.engine(of: "alpha").id).first)
                #expect(worker.pid != hanging.pid)
                try await eventually("the first one is gone") { hanging.pid.map(ProcessTable.isAlive) == false }
                controller.expectRetired(hanging, because: "did not")
                #expect(try await stream.rest() == Array(repeating: .token(" b"), count: 600) + [.done])
                #expect(try await controller.engine(of: "beta").pids == beta.pids)
            }
        }

        @Test func anExecutorIsToldOfIt() async throws {
            let setup = ControllerSetup([.remote("alpha")], environment: ["SIM_LEASE_HANG": "1"])
            try await withController(setup) { controller in
                try await controller.awaitIdlePool(of: 1)
                let executor = try UserExecutor(controller.folder)
                #expect(try await executor.refusal().contains("did not"))
                #expect(try await executor.process.waitForEnd() == UserExecutor.End.noWorkers)
                _ = try await UserExecutor(controller.folder).ready()
            }
        }

        struct StageFault: Sendable, CustomTestStringConvertible {
            let argument: String
            let stage: String
            let reason: String
            var testDescription: String { "\(argument): \(stage)" }

            static let all = [
                StageFault(argument: "sim-worker-fail-at", stage: "load", reason: "sim-worker-fail-at: load"),
                StageFault(argument: "sim-worker-fail-at", stage: "kv_cache", reason: "sim-worker-fail-at: kv_cache"),
                StageFault(argument: "sim-worker-crash-at", stage: "load", reason: "of rank 1"),
                StageFault(argument: "sim-worker-hang-at", stage: "kv_cache", reason: "start_timeout"),
            ]
        }

        @Test(arguments: StageFault.all)
        func oneThatFailsInAStart(_ fault: StageFault) async throws {
            let alpha = TestModel.remote(
                "alpha", workers: 2, settings: ["start_timeout": "4s"], arguments: [fault.argument: fault.stage])
            try await withController(.init([alpha, .remote("beta")], templates: false)) { controller in
                let beta = try await controller.load("beta")
                for _ in 0..<2 {
                    let error = try await eventually("it is tried") {
                        let error = try await controller.ask("alpha").error()
                        return error.code == "start_failed" ? error : nil
                    }
                    #expect(error.message.contains(fault.reason), "\(error.message)")
                    try await eventually("all its workers are back") {
                        try await controller.pool().allSatisfy { $0.engine == nil || $0.engine == beta.id }
                    }
                }
                #expect(try await controller.ask("beta").succeeded()[header: "x-start-tier"] == "hot")
                #expect(try await controller.engine(of: "beta").workers == beta.workers)
                // What failed has left nothing that another would find.
                let other = try await UserExecutor(controller.folder, workers: 2).ready()
                #expect(other.workers.count == 2)
            }
        }

        @Test func oneThatIsFrozenWhileIdle() async throws {
            try await withController(.init([.remote("alpha"), .remote("beta")], templates: false)) { controller in
                let beta = try await controller.load("beta")
                let idle = try await eventually("one is idle") {
                    try await controller.pool().first { $0.state == "idle" }
                }
                try ProcessTable.stop(try #require(idle.pid))
                #expect(try await controller.ask("alpha").status == 200)
                #expect(!ProcessTable.isAlive(try #require(idle.pid)))
                #expect(try await controller.engine(of: "beta").workers == beta.workers)
            }
        }

        /// It takes as long as workers have to give a sign of life.
        @Test func oneThatIsFrozenInMidStream() async throws {
            let alpha = TestModel.remote(
                "alpha", workers: 2, settings: ["concurrency": "1"], arguments: ["sim-tokens-per-second": "20"])
            let beta = TestModel.remote("beta", arguments: ["sim-tokens-per-second": "1"])
            try await withController(.init([alpha, beta], templates: false)) { controller in
                var untouched = try await controller.stream("beta", "b", tokens: 81)
                #expect(try await untouched.nextToken() == "beta:")
                let beta = try await controller.engine(of: "beta")
                let user = try UserExecutor(controller.folder, workers: 2)
                let frozen = try await user.ready().workers[1]
                try ProcessTable.stop(frozen.pid)

                let took = try await controller.loseWorkerInMidStream(of: "alpha", size: 2, by: ProcessTable.stop)
                #expect(took > .seconds(59) && took < .seconds(80), "\(took)")
                #expect(try await user.process.waitForEnd() == UserExecutor.End.workersLost)
                try await eventually("the user's is gone") { !ProcessTable.isAlive(frozen.pid) }
                let lines = controller.process.errorText.split(separator: "\n")
                let told = lines.filter { $0.contains("process gone") && $0.contains("did not answer for 60.0 s") }
                #expect(told.count == 2, "\(lines.joined(separator: "\n"))")
                #expect(try await untouched.rest() == Array(repeating: .token(" b"), count: 80) + [.done])
                #expect(try await controller.engine(of: "beta").workers == beta.workers)
            }
        }
    }
}

extension RunningController {
    /// The log names the worker as retired, with this reason.
    func expectRetired(_ worker: WorkerState, because reason: String) {
        let lines = process.errorText.split(separator: "\n").filter { $0.contains("worker retired") }
        let own = lines.filter { $0.contains("process.id=\(worker.id) ") || $0.hasSuffix("process.id=\(worker.id)") }
        #expect(own.contains { $0.contains(reason) }, "\(lines.joined(separator: "\n"))")
    }
}
