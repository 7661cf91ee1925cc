import Foundation
import TestSupport
import Testing

extension Integration {
    /// Workers whose runtime has them reset in place.
    @Suite struct ResetsInPlace {
        @Test(arguments: [1, 2])
        func theSameWorkersServeEngineAfterEngine(_ size: Int) async throws {
            let arguments = ["sim-memory-bytes": "\(200 << 20)", "sim-cache-bytes": "\(8 << 20)"]
            let models = ["alpha", "beta"].map { TestModel.remote($0, workers: size, arguments: arguments) }
            try await withController(.inPlace(models)) { controller in
                let new = try await controller.awaitIdlePool(of: size)
                for round in 1...6 {
                    let model = round % 2 == 0 ? "alpha" : "beta"
                    let answer = try await controller.ask(model, "r\(round)", tokens: 2).succeeded().answer()
                    #expect(answer == "\(model): r\(round)")
                    let leased = try await controller.pool(of: controller.engine(of: model).id)
                    #expect(leased.map(\.pid) == new.map(\.pid))
                    #expect(leased.allSatisfy { $0.timesUsed == round })
                    _ = try await controller.unload(model)
                    let idle = try await controller.awaitIdlePool(of: size)
                    #expect(idle.map(\.id) == new.map(\.id))
                    for (worker, before) in zip(idle, new) {
                        let grown = try #require(worker.privateBytes) - #require(before.privateBytes)
                        #expect(grown <= ControllerSetup.resetTolerance)
                    }
                    #expect(try await controller.devices().map(\.usedBytes) == [0])
                }
                controller.expectOnlySparesRetired()
            }
        }

        /// Each with a worker that has belonged to the other one.
        @Test func aParkedEngineGetsWorkersThatWereUsed() async throws {
            try await withController(.inPlace([.remote("alpha"), .remote("beta")])) { controller in
                let worker = try #require(try await controller.awaitIdlePool(of: 1).first)
                let alpha = try await controller.load("alpha")
                _ = try await controller.park(alpha.id).succeeded()
                try await controller.awaitIdlePool(of: 1)
                #expect(try await controller.ask("beta").succeeded().answer() == "beta: one two")
                #expect(try await controller.engine(of: "beta").workers == [worker.id])
                _ = try await controller.unload("beta")
                try await controller.awaitIdlePool(of: 1)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "parked")
                let again = try #require(try await controller.pool(of: alpha.id).first)
                #expect(again.pid == worker.pid && again.timesUsed == 3)
                controller.expectOnlySparesRetired()
            }
        }

        /// However a user's engine ends, and whatever it was doing.
        @Test func whatUsersLeaveIsReset() async throws {
            try await withController(.inPlace([.remote("alpha")])) { controller in
                let worker = try #require(try await controller.awaitIdlePool(of: 1).first)
                for (round, signal) in [SIGKILL, SIGTERM, SIGKILL].enumerated() {
                    let memory = ["--arguments", #"{"sim-memory-bytes": \#(128 << 20)}"#]
                    let executor = try UserExecutor(controller.folder, options: memory)
                    #expect(try await executor.ready().workers.map(\.pid) == [worker.pid])
                    executor.process.send(signal)
                    _ = try await executor.process.waitForEnd()
                    let idle = try #require(try await controller.awaitIdlePool(of: 1).first)
                    #expect(idle.pid == worker.pid && idle.timesUsed == round + 1)
                    #expect(idle.privateBytes ?? .max < 100 << 20)
                }
                controller.expectOnlySparesRetired()
            }
        }

        /// The worker is the same; the lease is not.
        @Test func whatIsSaidOfTheLastLeaseChangesNothingInTheNext() async throws {
            try await withController(.inPlace([.remote("alpha")])) { controller in
                try await controller.awaitIdlePool(of: 1)
                let dial = try ExecutorDial(controller.folder)
                let first = try dial.lease(workers: 1)
                let (engine, old) = (try #require(first.engine), try #require(first.generation))
                #expect(try dial.release(engine, old).type == "done")
                try await controller.awaitIdlePool(of: 1)
                let second = try dial.lease(workers: 1)
                let (next, new) = (try #require(second.engine), try #require(second.generation))
                #expect(second.workers?.map(\.pid) == first.workers?.map(\.pid))
                for engine in [engine, next] {
                    let answer = try dial.release(engine, old)
                    #expect(answer.type == "failed", "\(answer)")
                    #expect(answer.reason?.contains("no lease of this generation") == true, "\(answer)")
                }
                let worker = try #require(try await controller.pool(of: next).first)
                #expect(worker.state == "leased" && worker.timesUsed == 2)
                #expect(try dial.release(next, new).type == "done")
                #expect(try await controller.awaitIdlePool(of: 1).map(\.id) == [worker.id])
            }
        }
    }
}

extension RunningController {
    /// No worker was retired, but for those that the pool had too many of.
    func expectOnlySparesRetired() {
        let lines = process.errorText.split(separator: "\n").filter { $0.contains("worker retired") }
        #expect(lines.allSatisfy { $0.contains("cause=dismissed") }, "\(lines.joined(separator: "\n"))")
    }
}
