import Foundation
import TestSupport
import Testing

extension Faults {
    /// What goes wrong is told, with the reason.
    @Suite struct Events {
        @Test func aWorkerThatIsKilled() async throws {
            try await withController(.init([.remote("alpha", workers: 2)], templates: false)) { controller in
                let engine = try await controller.load("alpha")
                var follower = try await controller.follow()
                let worker = try #require(try await controller.pool(of: engine.id).last)
                try ProcessTable.kill(try #require(worker.pid))
                let events = try await follower.read(until: "engine_gone")
                let retired = try #require(events.first { $0.event == "worker_retired" && $0.worker == worker.id })
                #expect(retired.cause == "died")
                #expect(retired.slot == worker.slot)
                #expect(retired.engine == engine.id)
                #expect(retired.reason?.contains("signal 9") == true)
                let broken = try #require(events.first { $0.event == "lease_broken" })
                #expect(broken.engine == engine.id)
                #expect(broken.model == "alpha")
                #expect(broken.reason?.contains("of rank 1 (\(worker.id)) is gone") == true)
                #expect(events.contains { $0.event == "engine_died" && $0.engine == engine.id })
                // The other one was used, too.
                #expect(events.contains { $0.event == "worker_retired" && $0.cause == "replaced" })

                let metrics = try await controller.metrics()
                #expect(metrics[#"worker_retirements_total{cause="died"}"#] == 1)
                #expect(metrics[#"worker_retirements_total{cause="replaced"}"#] == 1)
                #expect(metrics[#"leases_ended_total{how="broken"}"#] == 1)
                #expect(metrics["engine_deaths_total"] == 1)
            }
        }

        @Test func aRuntimeThatIsKilled() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                // One that was never up cannot go down.
                try await eventually("it is up") { try await controller.runtime().state == "ready" }
                var follower = try await controller.follow()
                let pid = try #require(try await controller.runtime().pid)
                try ProcessTable.kill(pid)
                let down = try await follower.read(until: "runtime_down").last
                #expect(down?.reason?.contains("signal 9") == true)
                _ = try await follower.read(until: "runtime_ready")
            }
        }

        /// Clients that are gone leave their places to others, without an event that would tell.
        @Test func readersThatVanish() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                for _ in 0..<2 {
                    var followers: [EventFollower] = []
                    try await eventually("32 can follow") {
                        let follower = try await controller.follow()
                        if follower.status == 200 { followers.append(follower) }
                        return followers.count == 32
                    }
                    #expect(try await controller.get("/events").status == 429)
                    followers = []
                }
            }
        }
    }
}
