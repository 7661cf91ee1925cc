import Foundation
import TestSupport
import Testing

extension Faults {
    /// Workers that die, whatever they are doing.
    @Suite struct WorkerDeaths {
        private static let slow = ["sim-tokens-per-second": "20"]

        @Test(arguments: [1, 2])
        func inMidStream(_ size: Int) async throws {
            // A model for each round: one that lost two engines in ten seconds would pause.
            let names = (1...5).map { "alpha\($0)" }
            let models = names.map {
                TestModel.remote($0, workers: size, settings: ["concurrency": "1"], arguments: Self.slow)
            }
            let beta = TestModel.remote("beta", arguments: Self.slow)
            try await withController(.init(models + [beta], templates: false)) { controller in
                var untouched = try await controller.stream("beta", "b", tokens: 101)
                #expect(try await untouched.nextToken() == "beta:")
                let beta = try await controller.engine(of: "beta")
                var delays: [Duration] = []
                for name in names {
                    delays.append(try await controller.loseWorkerInMidStream(of: name, size: size))
                    _ = try await controller.unload(name)
                }
                print("a worker of \(size) killed in mid-stream: the stream's error came after \(delays)")
                // What else the machine does makes single ones late; a timer in the way would make all of them late.
                #expect(try #require(delays.min()) < .milliseconds(200))
                #expect(try await untouched.rest() == Array(repeating: .token(" b"), count: 100) + [.done])
                #expect(try await controller.engine(of: "beta").workers == beta.workers)
            }
        }

        /// The step that kills it is another request's than the one whose stream is cut; that one is sent to the next
        /// engine, with those that still wait for their turn.
        @Test func inMidStep() async throws {
            let crashing = Self.slow.merging(["sim-worker-crash-after-steps": "4"]) { $1 }
            let models: [TestModel] = [
                .remote("alpha", workers: 2, settings: ["concurrency": "2"], arguments: crashing),
                .remote("beta", arguments: Self.slow),
            ]
            try await withController(.init(models, templates: false)) { controller in
                var untouched = try await controller.stream("beta", "b", tokens: 81)
                #expect(try await untouched.nextToken() == "beta:")
                var stream = try await controller.stream("alpha", "a", tokens: 10_000)
                #expect(try await stream.nextToken() == "alpha:")
                // The second step, which holds up the others until they are all there.
                var short = try await controller.stream("alpha", "s", tokens: 41)
                let engine = try await controller.engine(of: "alpha")
                var waiting: [Task<Reply, any Error>] = []
                for number in 0..<4 {
                    waiting.append(Task { try await controller.ask("alpha", "n\(number)", tokens: 2) })
                    try await eventually("it waits") { try await controller.model("alpha").waiting == number + 1 }
                }
                #expect(try await short.rest().last == .done)
                #expect(try await stream.rest().last == .error(code: "engine_died"))
                for (number, request) in waiting.enumerated() {
                    let reply = try await request.value.succeeded()
                    #expect(try reply.answer() == "alpha: n\(number)")
                    // The third step is the first one's; the fourth kills.
                    #expect((reply[header: "x-start-tier"] == "hot") == (number == 0))
                }
                #expect(try await controller.engine(of: "alpha").id != engine.id)
                try await controller.expectGone(engine)
                #expect(try await untouched.rest() == Array(repeating: .token(" b"), count: 80) + [.done])
            }
        }

        @Test func whileItLoads() async throws {
            let models: [TestModel] = [
                .remote("alpha", workers: 2, arguments: ["sim-load-ms": "60000"]), .remote("beta"),
            ]
            try await withController(.init(models, templates: false)) { controller in
                let beta = try await controller.load("beta")
                let waiting = Task { try await controller.ask("alpha") }
                let engine = try await eventually("it loads") {
                    let engine = try await controller.engines().first { $0.model == "alpha" }
                    return engine?.stages.contains { $0.stage == "attach" } == true ? engine : nil
                }
                let worker = try #require(try await controller.pool(of: engine.id).last)
                try ProcessTable.kill(try #require(worker.pid))
                let error = try await waiting.value.error()
                #expect(error.code == "start_failed")
                #expect(error.message.contains(worker.id), "\(error.message)")
                try await controller.expectGone(engine)
                #expect(try await controller.engine(of: "beta").workers == beta.workers)
                #expect(try await controller.ask("beta").succeeded()[header: "x-start-tier"] == "hot")
            }
        }

        @Test func whileItsEngineIsIdle() async throws {
            try await withController(.init([.remote("alpha", workers: 2), .remote("beta")], templates: false)) {
                controller in
                let beta = try await controller.load("beta")
                let engine = try await controller.load("alpha")
                let worker = try #require(try await controller.pool(of: engine.id).first)
                try ProcessTable.kill(try #require(worker.pid))
                // However soon a request comes, it is answered.
                #expect(try await controller.ask("alpha").succeeded().answer() == "alpha: one two")
                try await controller.expectGone(engine)
                #expect(try await controller.ask("alpha").succeeded().answer() == "alpha: one two")
                #expect(try await controller.engine(of: "beta").workers == beta.workers)
            }
        }

        @Test func whileItIsIdle() async throws {
            try await withController(.init([.remote("alpha")], templates: false)) { controller in
                let idle = try #require(try await controller.awaitIdlePool(of: 1).first)
                try ProcessTable.kill(try #require(idle.pid))
                try await eventually("another is idle") {
                    try await controller.pool().contains { $0.state == "idle" && $0.id != idle.id }
                }
                #expect(try await controller.ask("alpha").succeeded().answer() == "alpha: one two")
                #expect(try controller.workerSockets().contains("\(idle.id).sock") == false)
            }
        }

        @Test func whileItIsReset() async throws {
            let alpha = TestModel.remote("alpha", workers: 2, arguments: ["sim-reset-ms": "20000"])
            try await withController(.init([alpha], templates: false)) { controller in
                let engine = try await controller.load("alpha")
                let workers = try await controller.pool(of: engine.id)
                let unloading = Task { try await controller.unload("alpha") }
                try await eventually("its front end is gone") { engine.pids.allSatisfy { !ProcessTable.isAlive($0) } }
                // Where they are replaced, they are gone by themselves.
                for worker in workers { try? ProcessTable.kill(try #require(worker.pid)) }
                #expect(try await unloading.value.engines == [engine.id])
                try await controller.awaitIdlePool(of: 2)
                #expect(try await controller.ask("alpha").succeeded().answer() == "alpha: one two")
            }
        }

        @Test func ofAUsersEngine() async throws {
            try await withController(.init([.remote("alpha")], templates: false)) { controller in
                let alpha = try await controller.load("alpha")
                let executor = try UserExecutor(controller.folder, workers: 2)
                let ready = try await executor.ready()
                try ProcessTable.kill(ready.workers[1].pid)
                #expect(try await executor.process.waitForEnd() == UserExecutor.End.workersLost)
                try await eventually("it is gone") { try await controller.engines().map(\.id) == [alpha.id] }
                try await eventually("its workers are back") {
                    try await controller.pool().allSatisfy { $0.engine == nil || $0.engine == alpha.id }
                }
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
            }
        }

        /// Again and again: no pause is lost on those that come to serve the next.
        @Test func manyInARow() async throws {
            try await withController(.init([.remote("alpha", workers: 2), .remote("beta")], templates: false)) {
                controller in
                let beta = try await controller.load("beta")
                for _ in 0..<5 {
                    try await eventually("alpha serves") { try await controller.ask("alpha", tokens: 2).status == 200 }
                    let engine = try await controller.engine(of: "alpha")
                    for worker in try await controller.pool(of: engine.id) {
                        // The second may be gone with the first.
                        try? ProcessTable.kill(try #require(worker.pid))
                    }
                    try await controller.expectGone(engine)
                }
                #expect(try await controller.engine(of: "beta").workers == beta.workers)
                #expect(try await controller.ask("beta").succeeded()[header: "x-start-tier"] == "hot")
            }
        }
    }
}

extension RunningController {
    /// Kills the last of the model's workers, or does something else to it that it does not survive, while one streams and
    /// three wait.
    ///
    /// - Returns: how long after that the stream's error came.
    func loseWorkerInMidStream(
        of name: String, size: Int, by harm: (Int) throws -> Void = ProcessTable.kill
    ) async throws -> Duration {
        var stream = try await stream(name, "a", tokens: 10_000)
        #expect(try await stream.nextToken() == "\(name):")
        let engine = try await engine(of: name)
        let waiting = (0..<3).map { number in Task { try await ask(name, "n\(number)", tokens: 2) } }
        try await eventually("they wait") { try await model(name).waiting == 3 }

        let worker = try #require(try await pool(of: engine.id).last)
        let harmed = ContinuousClock.now
        try harm(try #require(worker.pid))
        let rest = try await stream.rest()
        let took = ContinuousClock.now - harmed
        #expect(rest.last == .error(code: "engine_died"))
        #expect(rest.dropLast().allSatisfy { $0 == .token(" a") })

        // Those who waited never notice.
        for (number, reply) in waiting.enumerated() {
            #expect(try await reply.value.succeeded().answer() == "\(name): n\(number)")
        }
        let next = try await self.engine(of: name)
        #expect(next.id != engine.id)
        #expect(next.workers.count == size && !next.workers.contains(worker.id))
        #expect(!ProcessTable.isAlive(try #require(worker.pid)))
        try await expectGone(engine)
        return took
    }
}
