import AsyncHTTPClient
import Foundation
import NIOCore
import Scheduling
import Testing

@Suite(.timeLimit(.minutes(5)))
struct TelemetryRoutesTests {
    /// Reads a stream piece by piece.
    private struct Stream {
        private var body: HTTPClientResponse.Body.AsyncIterator
        private(set) var text = ""
        let response: HTTPClientResponse

        init(_ api: RunningAPI, after id: String? = nil) async throws {
            var request = HTTPClientRequest(url: api.address + "/events")
            if let id { request.headers.add(name: "Last-Event-ID", value: id) }
            response = try await api.http.execute(request, timeout: .seconds(30))
            body = response.body.makeAsyncIterator()
        }

        /// Reads until what was read contains the text, or to the end.
        mutating func read(until wanted: String? = nil) async throws {
            while wanted.map(text.contains) != true {
                guard let piece = try await body.next() else { return }
                text += String(buffer: piece)
            }
        }
    }

    private static func event(_ slot: Int) -> ControllerEvent { ControllerEvent(.alarm, slot: slot) }

    @Test func eventsStreamAsTheyHappen() async throws {
        let controller = FakeController()
        try await RunningAPI.with(controller) { api in
            var stream = try await Stream(api)
            #expect(stream.response.status == .ok)
            #expect(stream.response.headers.first(name: "content-type") == "text/event-stream")
            // It listens before anything has happened.
            try await stream.read(until: "\n\n")
            #expect(stream.text == ": the events follow\n\n")
            controller.feed.publish([ControllerEvent(.leaseBroken, engine: "e-1", reason: "a\nb")], at: 1.5)
            try await stream.read(until: "4-1\"")
            controller.feed.publish([Self.event(2)], at: 2)
            controller.feed.close()
            try await stream.read()
            #expect(
                stream.text == """
                    : the events follow

                    id: 4-1
                    event: lease_broken
                    data: {"engine":"e-1","event":"lease_broken","id":"4-1","reason":"a\\nb","time":1.5}

                    id: 4-2
                    event: alarm
                    data: {"event":"alarm","id":"4-2","slot":2,"time":2}


                    """)
        }
    }

    @Test(arguments: [
        ("4-1", ["4-2", "4-3"]), ("0", ["4-1", "4-2", "4-3"]), ("3-9", ["4-1", "4-2", "4-3"]), ("4-3", []),
    ])
    func aReaderThatComesBackGoesOn(last: String, expected: [String]) async throws {
        let controller = FakeController()
        controller.feed.publish((1...3).map(Self.event), at: 1)
        controller.feed.close()
        try await RunningAPI.with(controller) { api in
            var stream = try await Stream(api, after: last)
            try await stream.read()
            let ids = stream.text.split(separator: "\n").filter { $0.hasPrefix("id: ") }.map { $0.dropFirst(4) }
            #expect(ids.map(String.init) == expected)
        }
    }

    /// They are published at once: how much is on the way to a slow reader is for the kernel's buffers to say.
    @Test func aReaderThatTheHistoryHasLeftBehindIsTold() async throws {
        var controller = FakeController()
        controller.feed = EventFeed(epoch: 4, capacity: 10)
        try await RunningAPI.with(controller) { api in
            var stream = try await Stream(api)
            try await stream.read(until: "follow")
            controller.feed.publish((1...51).map(Self.event), at: 1)
            controller.feed.close()
            try await stream.read()
            let rest = try #require(stream.text.range(of: "event: lagged")).lowerBound
            let lines = stream.text[rest...].split(separator: "\n")
            #expect(lines[1] == #"data: {"event":"lagged","missed":41}"#)
            #expect(lines.filter { $0.hasPrefix("id: ") } == (42...51).map { "id: 4-\($0)" })
        }
    }

    @Test func aSilentStreamHasAHeartbeat() async throws {
        let controller = FakeController()
        try await RunningAPI.with(controller, heartbeat: .milliseconds(20)) { api in
            var stream = try await Stream(api)
            try await stream.read(until: ": still here\n\n: still here\n\n")
            controller.feed.close()
            try await stream.read()
            #expect(!stream.text.contains("data:"))
        }
    }

    /// That is seen at the next heartbeat, and another may come.
    @Test func aClientThatLeavesGivesItsPlaceBack() async throws {
        let controller = FakeController()
        try await RunningAPI.with(controller, heartbeat: .milliseconds(20)) { api in
            var others: [EventReader] = []
            for _ in 1..<EventFeed.mostReaders { others.append(try controller.feed.follow(after: nil)) }
            do {
                var stream = try await Stream(api)
                try await stream.read(until: "follow")
                let refused = try await api.get("/events")
                #expect(refused.status == 429)
                #expect(refused.headers["retry-after"] == "10")
                #expect(refused.body.contains("32 clients follow the events already"))
            }
            while (try? controller.feed.follow(after: nil)) == nil { try await Task.sleep(for: .milliseconds(5)) }
            controller.feed.close()
            withExtendedLifetime(others) {}
        }
    }

    @Test func whatIsNoIdIsRefused() async throws {
        try await RunningAPI.with { api in
            let stream = try await Stream(api, after: "yesterday")
            #expect(stream.response.status == .badRequest)
        }
    }

    /// The head alone follows nothing.
    @Test func headAndOtherMethods() async throws {
        try await RunningAPI.with { api in
            let head = try await api.send("HEAD", "/events")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            let post = try await api.send("POST", "/events").status
            #expect(post == 405)
        }
    }

    @Test func metricsAreText() async throws {
        try await RunningAPI.with { api in
            let reply = try await api.get("/metrics")
            #expect(reply.status == 200)
            #expect(reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(reply.body == "# TYPE up gauge\nup 1\n")
        }
    }

    @Test func everyEventIsDocumented() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let documentation = try String(contentsOf: root.appendingPathComponent("docs/rest.md"), encoding: .utf8)
        for kind in ControllerEvent.Kind.allCases {
            #expect(documentation.contains("`\(kind.rawValue)`"), "\(kind.rawValue) is not in docs/rest.md")
        }
    }
}
