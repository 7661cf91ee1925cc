import ArgumentParser
import Testing

@testable import worker_controller

struct ParsingTests {
    private func parse<Command>(_ arguments: String..., as type: Command.Type) throws -> Command {
        try #require(try WorkerControllerCommand.parseAsRoot(arguments) as? Command)
    }

    @Test func serve() throws {
        let standard = try parse("serve", as: Serve.self)
        #expect(standard.config == "worker-controller.yaml")
        #expect(standard.logLevel == .info)
        let given = try parse("serve", "--config", "a.yaml", "--log-level", "debug", as: Serve.self)
        #expect(given.config == "a.yaml")
        #expect(given.logLevel == .debug)
    }

    @Test func run() throws {
        let bare = try parse("run", "small", as: Run.self)
        #expect(bare.model == "small")
        #expect(bare.prompt == nil)
        let full = try parse(
            "run", "small", "Hello", "--max-tokens", "5", "--temperature", "0.5", "--system", "Be brief", "--timings",
            "--address", "localhost:9", as: Run.self)
        #expect(full.prompt == "Hello")
        #expect(full.maxTokens == 5)
        #expect(full.temperature == 0.5)
        #expect(full.system == "Be brief")
        #expect(full.timings)
        #expect(full.server.address?.description == "http://localhost:9")
    }

    @Test func listings() throws {
        #expect(try parse("ps", "--timings", "--json", as: ListEngines.self).timings)
        #expect(try parse("ps", "--json", as: ListEngines.self).output.json)
        #expect(try parse("models", "--json", as: ListModels.self).output.json)
        #expect(try parse("workers", as: ListWorkers.self).output.json == false)
    }

    @Test func modelsAndLogs() throws {
        #expect(try parse("load", "org/small", as: Load.self).model == "org/small")
        #expect(try parse("unload", "small", "--json", as: Unload.self).output.json)
        #expect(try parse("sleep", "org/small", "--json", as: Sleep.self).output.json)
        #expect(try parse("wake", "org/small", as: Wake.self).model == "org/small")
        #expect(try parse("park", "e-3", "--json", as: Park.self).engine == "e-3")
        #expect(try parse("events", as: Events.self).json == false)
        #expect(try parse("events", "--json", as: Events.self).json)
        let logs = try parse("logs", "e-3", as: Logs.self)
        #expect(logs.id == "e-3")
        #expect(logs.lines == 100)
        #expect(try parse("logs", "e-3", "--lines", "7", as: Logs.self).lines == 7)
        #expect(try parse("logs", "-n", "7", "e-3", as: Logs.self).lines == 7)
    }

    @Test func engines() throws {
        #expect(try parse("engines", "--json", as: ListEngines.self).output.json)
        #expect(try parse("engines", "ps", "--timings", as: ListEngines.self).timings)
        let bare = try parse("engines", "create", "org/small", as: CreateEngine.self)
        #expect(bare.model == "org/small")
        #expect(bare.id == nil)
        #expect(!bare.isImpatient)
        let full = try parse(
            "engines", "create", "./small", "--id", "mine", "-s", "max-model-len=2048", "--set", "note=a=b",
            "--no-wait",
            as: CreateEngine.self)
        #expect(full.id == "mine")
        #expect(full.set.map(\.name) == ["max_model_len", "note"])
        #expect(full.set.map(\.value) == [.integer(2048), .string("a=b")])
        #expect(full.isImpatient)
        #expect(try parse("engines", "delete", "mine", as: DeleteEngine.self).id == "mine")
    }

    @Test(arguments: [
        ("1", EngineOrder.Value.integer(1)), ("-2", .integer(-2)), ("0.5", .number(0.5)), ("1e-3", .number(0.001)),
        ("true", .bool(true)), ("false", .bool(false)), ("null", .null), ("256MiB", .string("256MiB")),
        ("007", .string("007")), ("+1", .string("+1")), ("0x10", .string("0x10")), ("inf", .string("inf")),
        ("", .string("")), ("True", .string("True")),
    ])
    func valuesOfSettings(text: String, value: EngineOrder.Value) {
        #expect(Setting(argument: "a=\(text)")?.value == value)
    }

    @Test func config() throws {
        #expect(try parse("config", "check", as: ConfigCheck.self).file == "worker-controller.yaml")
        #expect(try parse("config", "check", "other.yaml", as: ConfigCheck.self).file == "other.yaml")
    }

    @Test(arguments: [
        ["run"], ["run", "m", "p", "--max-tokens", "0"], ["run", "m", "--temperature", "3"],
        ["logs", "e-3", "--lines", "0"],
        ["logs", "e-3", "--lines", "10001"], ["ps", "--address", "ftp://x"], ["ps", "--address", ""], ["frobnicate"],
        ["serve", "--log-level", "loud"], ["load"], ["sleep"], ["park"], ["events", "e-3"], ["wake", "small", "large"],
        ["engines", "create"],
        ["engines", "create", "m", "--set", "novalue"], ["engines", "create", "m", "--set", "=5"],
        ["engines", "delete"],
    ])
    func mistakesAreUsageErrors(arguments: [String]) {
        #expect {
            try WorkerControllerCommand.parseAsRoot(arguments)
        } throws: { error in
            WorkerControllerCommand.exitCode(for: error).rawValue == ExitReason.usage.rawValue
        }
    }

    @Test func versionAndExitCodesAreShown() {
        let help = WorkerControllerCommand.helpMessage()
        for status in ExitReason.allCases { #expect(help.contains(status.meaning)) }
        #expect(!WorkerControllerCommand.configuration.version.isEmpty)
    }

    @Test(arguments: [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"), ("127.0.0.1:9", "http://127.0.0.1:9"),
        ("http://host:1/", "http://host:1"), ("[::1]:80", "http://[::1]:80"), ("localhost", "http://localhost"),
    ])
    func addresses(text: String, expected: String) {
        #expect(ControllerAddress(argument: text)?.description == expected)
    }

    @Test func theOptionGoesBeforeTheEnvironment() throws {
        let environment = [ServerOptions.variable: "http://other:1"]
        let given = try parse("ps", "--address", "http://here:2", as: ListEngines.self)
        #expect(try given.server.resolved(environment: environment).description == "http://here:2")
        let bare = try parse("ps", as: ListEngines.self)
        #expect(try bare.server.resolved(environment: environment).description == "http://other:1")
        #expect(try bare.server.resolved(environment: [:]) == .standard)
        #expect(throws: ValidationError.self) {
            try bare.server.resolved(environment: [ServerOptions.variable: "ftp://x"])
        }
    }
}
