import Foundation
import TestSupport
import Testing

extension Faults {
    /// What may come over the control socket from one that calls itself an executor.
    @Suite struct ExecutorSocket {
        @Test func helloesThatCannotBeTrue() async throws {
            try await withPool { controller, alpha in
                let processes = try await controller.workers()
                let core = try #require(processes.first { $0.role == "core" && $0.state == "idle" })
                let worker = try #require(try await controller.pool(of: alpha.id).first)
                let first = LeaseGeneration(epoch: 1, counter: 1)
                let hellos: [(hello: String, reason: String)] = [
                    (ExecutorDial.hello(version: 2), "Protocol 2 is not spoken here"),
                    // A core that is not there, one that is another process, and what is none.
                    (
                        ExecutorDial.hello(process: "p-999", epoch: 1, engine: alpha.id, generation: first),
                        "is no core 'p-999'"
                    ),
                    (
                        ExecutorDial.hello(process: core.id, epoch: 1, engine: alpha.id, generation: first),
                        "is no core '\(core.id)'"
                    ),
                    (ExecutorDial.hello(process: worker.id, epoch: 1), "is no core '\(worker.id)'"),
                    (ExecutorDial.hello(process: "p-1", epoch: 0), "is no core 'p-1'"),
                ]
                for (hello, reason) in hellos {
                    let dial = try ControlDial(controller.folder)
                    try dial.send(frame: hello)
                    let answer = try dial.readToEnd()
                    #expect(answer.contains(#""type":"refused""#), "\(hello): \(answer)")
                    #expect(answer.contains(reason), "\(hello): \(answer)")
                }
            }
        }

        /// They end the connection, and with it the lease.
        @Test func whatIsNoFrame() async throws {
            try await withPool { controller, _ in
                let frames: [[UInt8]] = [
                    [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0, 0x10, 0, 1], [0, 0, 0, 3, 1, 2, 3],
                    [0, 0, 0, 2, 0x5B, 0x5D],
                    Array("GET / HTTP/1.1\r\n\r\n".utf8),
                ]
                for frame in frames {
                    let dial = try ExecutorDial(controller.folder)
                    let grant = try dial.lease(workers: 2)
                    try dial.dial.send(frame)
                    #expect(try dial.dial.readToEnd().isEmpty, "\(frame)")
                    try await controller.expectTakenBack(grant)
                }
                // One that is cut short is nothing as long as the connection lives.
                let dial = try ExecutorDial(controller.folder)
                let grant = try dial.lease(workers: 2)
                try dial.dial.send([0, 0, 1])
                #expect(try await controller.engine(try #require(grant.engine)).state == "ready")
                dial.dial.hangUp()
                try await controller.expectTakenBack(grant)
            }
        }

        /// They are answered, and change nothing.
        @Test func framesThatAreNotUnderstood() async throws {
            try await withPool { controller, _ in
                let dial = try ExecutorDial(controller.folder)
                let grant = try dial.lease(workers: 1)
                let engine = try #require(grant.engine)
                let frames: [(json: String, type: String)] = [
                    (#"{"type": "no-such-thing", "id": 90}"#, "error"),
                    (#"{"type": "lease.release", "id": 91}"#, "failed"),
                    (#"{"type": "lease.request", "id": 92, "world_size": "two"}"#, "lease.refused"),
                ]
                for (json, type) in frames {
                    try dial.dial.send(frame: json)
                    let answer = try dial.dial.next()
                    #expect(answer.type == type, "\(json): \(answer)")
                    #expect([90, 91, 92].contains(answer.re), "\(json): \(answer)")
                }
                // What no executor says, and answers to what nobody asked.
                for json in [
                    #"{"type": "stop", "id": 93, "deadline_ms": 1}"#, #"{"type": "done", "re": 1}"#,
                    #"{"type": "accepted", "re": 2}"#, #"{"type": "failed", "re": 77, "reason": "so"}"#,
                ] {
                    try dial.dial.send(frame: json)
                }
                #expect(try await controller.engine(engine).state == "ready")
                #expect(try dial.release(engine, try #require(grant.generation)).type == "done")
                try await controller.expectTakenBack(grant)
            }
        }

        @Test func wishesThatMakeNoSense() async throws {
            try await withPool { controller, _ in
                let dial = try ExecutorDial(controller.folder)
                let wishes: [(workers: Int, footprint: Int)] = [
                    (0, 1 << 20), (-1, 1 << 20), (.max, 1 << 20), (1, -1), (1, .max), (1, .min), (.min, .min),
                ]
                for wish in wishes {
                    let answer = try dial.request(workers: wish.workers, footprint: wish.footprint)
                    #expect(answer.type == "lease.refused", "\(wish): \(answer)")
                }
                // Waiting for ever is no wish, but is none that breaks anything.
                for deadline in [Int.max, Int.min, 0] {
                    let other = try ExecutorDial(controller.folder)
                    let answer = try other.ask {
                        #"{"type": "lease.request", "id": \#($0), "deadline_ms": \#(deadline), "world_size": 1, "#
                            + #""model": "mine", "device_type": "cpu", "footprint_bytes": 1, "#
                            + #""versions": {"simulated-runtime": "1"}}"#
                    }
                    #expect(["lease.grant", "lease.refused"].contains(answer.type), "\(deadline): \(answer)")
                    other.dial.hangUp()
                }
                try await eventually("only alpha is there") { try await controller.engines().map(\.model) == ["alpha"] }
            }
        }

        @Test func releasesOfWhatItHasNot() async throws {
            try await withPool { controller, alpha in
                let dial = try ExecutorDial(controller.folder)
                #expect(try dial.release(alpha.id, LeaseGeneration(epoch: 1, counter: 1)).type == "failed")
                let old = try dial.lease(workers: 1)
                let (engine, generation) = (try #require(old.engine), try #require(old.generation))
                #expect(try dial.release(engine, generation).type == "done")
                #expect(try dial.release(engine, generation).type == "failed")

                let grant = try dial.lease(workers: 2)
                let (next, newer) = (try #require(grant.engine), try #require(grant.generation))
                #expect(newer.counter > generation.counter)
                let releases = [
                    (engine, generation), (next, generation), (engine, newer), (alpha.id, newer), ("e-99", newer),
                    (next, LeaseGeneration(epoch: 0, counter: newer.counter)),
                    (next, LeaseGeneration(epoch: newer.epoch, counter: newer.counter + 1)),
                    (alpha.id, LeaseGeneration(epoch: 1, counter: 1)),
                ]
                for (engine, generation) in releases {
                    let answer = try dial.release(engine, generation)
                    #expect(answer.type == "failed", "\(engine) \(generation): \(answer)")
                    #expect(answer.reason?.contains("no lease of this generation") == true, "\(answer)")
                }
                // Nor has another one anything to say about it.
                #expect(try ExecutorDial(controller.folder).release(next, newer).type == "failed")
                let leased = try await controller.pool(of: next)
                #expect(leased.map(\.id) == grant.workers?.map(\.process))
                #expect(leased.allSatisfy { $0.state == "leased" })
                // It has a lease already.
                #expect(try dial.request(workers: 1).type == "lease.refused")
                #expect(try dial.release(next, newer).type == "done")
                try await controller.expectTakenBack(grant)
            }
        }

        /// The workers are taken back without it, and what it says then is too late.
        @Test func aRevocationThatIsNotAnswered() async throws {
            try await withPool { controller, _ in
                let dial = try ExecutorDial(controller.folder)
                let grant = try dial.lease(workers: 1)
                let engine = try #require(grant.engine)
                let deleting = Task { try await controller.delete("/engines/\(engine)") }
                let revoke = try dial.dial.next()
                #expect(revoke.type == "lease.revoke")
                #expect(revoke.engine == engine && revoke.generation == grant.generation)
                #expect(try await deleting.value.status == 200)
                try await controller.expectTakenBack(grant)

                let next = try dial.lease(workers: 1)
                try dial.dial.send(frame: #"{"type": "done", "re": \#(try #require(revoke.id))}"#)
                #expect(try dial.release(engine, try #require(grant.generation)).type == "failed")
                #expect(try await controller.engine(try #require(next.engine)).state == "ready")
                #expect(try dial.release(try #require(next.engine), try #require(next.generation)).type == "done")
                try await controller.expectTakenBack(next)
            }
        }

        @Test func thereIsALimitToThem() async throws {
            try await withPool { controller, _ in
                var dials: [ExecutorDial] = []
                var refusal: String?
                while refusal == nil, dials.count < 1000 {
                    let dial = try ControlDial(controller.folder)
                    try dial.send(frame: ExecutorDial.hello())
                    let answer = try dial.next()
                    if answer.type == "refused" {
                        refusal = answer.reason ?? ""
                    } else {
                        dials.append(.init(welcomed: dial))
                    }
                }
                #expect(refusal?.contains("no room for more") == true, "\(refusal ?? "none of \(dials.count)")")
                dials = []
                try await eventually("there is room again") { (try? ExecutorDial(controller.folder)) != nil }
            }
        }

        /// A controller that has a pool of workers and an engine on two of them, of which nothing may change.
        private func withPool(_ body: (RunningController, _ alpha: EngineState) async throws -> Void) async throws {
            try await withController(.init([.remote("alpha", workers: 2)], templates: false)) { controller in
                let alpha = try await controller.load("alpha")
                try await eventually("a pair is idle") {
                    try await controller.workers().contains { $0.role == "core" && $0.state == "idle" }
                }
                try await body(controller, alpha)
                let now = try await controller.engine(alpha.id)
                #expect(now.pids == alpha.pids && now.workers == alpha.workers)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
            }
        }
    }
}

extension RunningController {
    /// Waits until the lease's engine is gone, and each of its workers is idle or gone.
    func expectTakenBack(_ grant: ControlFrame) async throws {
        try await eventually("\(grant.engine ?? "it") has no workers any more") {
            guard try await !engines().contains(where: { $0.id == grant.engine }) else { return false }
            let pool = try await pool()
            return grant.workers?.allSatisfy { worker in
                pool.first { $0.id == worker.process }.map { $0.state == "idle" } ?? !ProcessTable.isAlive(worker.pid)
            } == true
        }
    }
}
