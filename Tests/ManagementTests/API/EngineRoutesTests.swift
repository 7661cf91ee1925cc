import Foundation
import Scheduling
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5)))
struct EngineRoutesTests {
    @Test func enginesHaveTheOriginsFieldsAndOurs() async throws {
        try await RunningAPI.with { api in
            let engine = [
                #"{"api_url":"http://127.0.0.1:8000/v1","assigned_ranks":[0],"device":"cpu:0","devices":["cpu:0"],"#,
                #""engine_uuid":"e-3","#,
                #""footprint_bytes":734003200,"front_end_pid":105,"id":"e-3","in_flight":2,"is_external":false,"#,
                #""model":"org/small","pid":104,"#,
                #""port":8000,"socket":"/run/f/p-5.sock","#,
                #""stages":[{"ms":12.25,"stage":"config"},{"ms":200.5,"stage":"load"}],"start_ms":812.34,"#,
                #""start_tier":"warm","#,
                #""state":"ready","status":"ready","workers":[]}"#,
            ].joined()
            let all = try await api.get("/engines").body
            #expect(all == #"{"engines":[\#(engine)],"num_engines":1}"#)
            let one = try await api.get("/engines/e-3").body
            #expect(one == engine)
            let timings = try await api.get("/engines/e-3/load_timings").body
            #expect(
                timings
                    == #"{"engine_uuid":"e-3","model":"org/small","stages":[{"ms":12.25,"stage":"config"},{"ms":200.5,"stage":"load"}],"start_ms":812.34,"start_tier":"warm","status":"ready"}"#
            )
        }
    }

    @Test func anEngineWithoutProcessHasANullPidAndTier() async throws {
        var controller = FakeController()
        controller.current.engines[0].pid = nil
        controller.current.engines[0].startTier = nil
        try await RunningAPI.with(controller) { api in
            let one = try await api.get("/engines/e-3").body
            #expect(one.contains(#""pid":null"#))
            let timings = try await api.get("/engines/e-3/load_timings").body
            #expect(timings.contains(#""start_tier":null"#))
        }
    }

    @Test(arguments: ["/engines/e-9", "/engines/e-9/load_timings"])
    func anUnknownEngineIsNotFound(path: String) async throws {
        try await RunningAPI.with { api in
            let reply = try await api.get(path)
            #expect(reply.status == 404)
            #expect(reply.body.contains(#""code":"not_found""#))
            #expect(reply.body.contains("GET /engines lists"))
        }
    }

    @Test(arguments: [
        ("stopping", "draining"), ("suspending", "draining"), ("resuming", "starting"), ("failed", "failed"),
    ])
    func theOriginsStatusHasFewerWords(state: String, status: String) async throws {
        var controller = FakeController()
        controller.current.engines[0].state = state
        try await RunningAPI.with(controller) { api in
            for path in ["/engines/e-3", "/engines/e-3/load_timings"] {
                let reply = try await api.get(path).body
                #expect(reply.contains(#""status":"\#(status)""#))
            }
        }
    }

    @Test func aFailedEngineSaysWhy() async throws {
        var controller = FakeController()
        controller.current.engines[0].reason = "killed by signal 9"
        try await RunningAPI.with(controller) { api in
            let reply = try await api.get("/engines/e-3").body
            #expect(reply.contains(#""reason":"killed by signal 9""#))
        }
    }

    // MARK: Making

    @Test(arguments: [("", true, 200), ("?wait=true", true, 200), ("?wait=false", false, 202)])
    func aNewEngineHasTheOriginsAnswer(query: String, waits: Bool, status: Int) async throws {
        let bodies = Mutex<[String]>([])
        var controller = FakeController()
        controller.onCreate = { body, waited in
            #expect(waited == waits)
            bodies.withLock { $0.append(String(decoding: body, as: UTF8.self)) }
            return CreatedEngine(engine: .sample, warnings: ["a note"])
        }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.send("POST", "/engines\(query)", body: Array(#"{"model": "m"}"#.utf8))
            #expect(reply.status == status)
            #expect(
                reply.body.hasPrefix(
                    #"{"api_url":"http://127.0.0.1:8000/v1","assigned_ranks":[0],"create_timings":{"config_ms":12.25,"#
                        + #""load_ms":200.5,"total_ms":812.34},"device":"cpu:0","devices":["cpu:0"],"#
                        + #""engine_uuid":"e-3","#))
            for field in [
                #""model":"org/small""#, #""pid":104"#, #""port":8000"#, #""status":"ready""#,
                #""warnings":["a note"]"#,
            ] {
                #expect(reply.body.contains(field))
            }
        }
        #expect(bodies.withLock { $0 } == [#"{"model": "m"}"#])
    }

    @Test func oneThatIsNotReadyHasNoTimings() async throws {
        var controller = FakeController()
        controller.onCreate = { _, _ in
            var engine = EngineStatus.sample
            engine.startMilliseconds = nil
            return CreatedEngine(engine: engine, warnings: [])
        }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.send("POST", "/engines?wait=false", body: Array("{}".utf8)).body
            #expect(reply.contains(#""create_timings":{}"#))
            #expect(reply.contains(#""warnings":[]"#))
        }
    }

    @Test func aRefusalNamesTheField() async throws {
        var controller = FakeController()
        controller.onCreate = { _, _ in
            throw ControllerError(.unprocessable, "There is no model.", parameter: "model")
        }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.send("POST", "/engines", body: Array("{}".utf8))
            #expect(reply.status == 422)
            #expect(
                reply.body
                    == #"{"error":{"code":"unprocessable","message":"There is no model.","param":"model","type":"invalid_request_error"}}"#
            )
        }
    }

    @Test(arguments: ["", "no", "0", "TRUE"])
    func aSenselessWaitIsRefused(text: String) async throws {
        var controller = FakeController()
        controller.onCreate = { _, _ in
            Issue.record("an engine was made")
            return CreatedEngine(engine: .sample, warnings: [])
        }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.send("POST", "/engines?wait=\(text)", body: Array("{}".utf8))
            #expect(reply.status == 400)
            #expect(reply.body.contains(#""param":"wait""#))
        }
    }

    // MARK: Deleting

    @Test func aDeletedEngineGivesItsRanksBack() async throws {
        let deleted = Mutex<[String]>([])
        var controller = FakeController()
        controller.onDelete = { id in deleted.withLock { $0.append(id) } }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.send("DELETE", "/engines/e-3")
            #expect(reply.status == 200)
            #expect(
                reply.body == #"{"message":"Engine e-3 is deleted","released_port":null,"released_ranks":[0]}"#)
        }
        #expect(deleted.withLock { $0 } == ["e-3"])
    }

    @Test func anIDMayHaveSlashes() async throws {
        var controller = FakeController()
        controller.current.engines[0].id = "team/one"
        controller.onDelete = { #expect($0 == "team/one") }
        try await RunningAPI.with(controller) { api in
            let shown = try await api.get("/engines/team%2Fone").status
            let deleted = try await api.send("DELETE", "/engines/team%2Fone").status
            #expect(shown == 200)
            #expect(deleted == 200)
        }
    }

    @Test func whatIsNoEngineCannotBeDeleted() async throws {
        var controller = FakeController()
        controller.onDelete = { _ in Issue.record("something was deleted") }
        try await RunningAPI.with(controller) { api in
            let reply = try await api.send("DELETE", "/engines/org%2Fsmall")
            #expect(reply.status == 404)
            #expect(reply.body.contains("GET /engines lists"))
        }
    }
}
