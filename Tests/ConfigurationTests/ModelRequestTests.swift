import ControllerConfiguration
import Testing

/// What `POST /engines` takes.
@Suite("Requests for models")
struct ModelRequestTests {
    private static let file = "allow_trust_remote_code: false\nmodels: {a: {path: ./a}}"

    private func model(_ json: String, in text: String = file) throws -> ModelConfiguration {
        let request = try ModelRequest(json: Array(json.utf8))
        return try parse(text).model(request.id ?? "made-up", from: request)
    }

    private func mistake(_ json: String, in text: String = file) throws -> (message: String, field: String?) {
        let error = try #require(throws: ModelRequestError.self) { try model(json, in: text) }
        guard case .mistaken(let message, let field) = error else {
            Issue.record("\(error)")
            return ("", nil)
        }
        return (message, field)
    }

    @Test func aModelAloneIsWhatTheFileMakesOfAPath() throws {
        let configured = try #require(try parse("models: {made-up: {path: ./a}}").models.first)
        #expect(try model(#"{"model": "./a"}"#) == configured)
        let hub = try model(#"{"model": "org/name"}"#)
        #expect(hub.isHubID)
        #expect(hub.path == "org/name")
    }

    @Test func everythingIsReadAsInTheFile() throws {
        let configured = try #require(
            try parse(
                """
                models:
                  mine:
                    path: ./a
                    concurrency: 3
                    pin: true
                    idle_timeout: off
                    start_timeout: 10m
                    template: false
                    verify: contents
                    executor: remote
                    tensor_parallel_size: 2
                    arguments:
                      {dtype: float16, seed: 7, gpu_memory_utilization: 0.5, enforce_eager: true, block_size: 16,
                      kv_cache_memory_bytes: 256MiB, hf_overrides: {rope: [1, null]}, revision: "123"}
                """
            ).models.first)
        let made = try model(
            """
            {"engine_uuid": "mine", "model": "./a", "concurrency": 3, "pin": true, "idle_timeout": "off",
             "start_timeout": "10m", "template": false, "verify": "contents", "executor": "remote",
             "tensor_parallel_size": 2, "pipeline_parallel_size": 1, "tokenizer": null,
             "vllm_config": {"dtype": "float16", "seed": 7, "gpu_memory_utilization": 0.5},
             "enforce_eager": true, "block-size": 16, "kv_cache_memory_bytes": "256MiB",
             "hf_overrides": {"rope": [1, null]}, "revision": "123"}
            """)
        #expect(made == configured)
    }

    @Test func textIsNeverTakenForAnythingElse() throws {
        let made = try model(
            #"{"model": "./a", "x": "true", "y": "5", "z": "null", "u": "é\"\n", "n": 1e-5, "i": 20.0}"#)
        #expect(
            made.arguments == [
                "x": .string("true"), "y": .string("5"), "z": .string("null"), "u": .string("é\"\n"),
                "n": .number(1e-5), "i": .integer(20),
            ])
    }

    @Test func aSizeInBytesWillDo() throws {
        #expect(try model(#"{"model": "./a", "kv_cache_memory_bytes": 1048576}"#).kvCacheBytes == 1 << 20)
    }

    @Test func whatTheOriginHadAndVLLMHasNoMoreIsIgnoredAloud() throws {
        let request = try ModelRequest(json: Array(#"{"model": "./a", "swap_space": 4}"#.utf8))
        #expect(request.warnings.count == 1)
        #expect(request.warnings.first?.hasPrefix("'swap_space' has no effect: ") == true)
        #expect(try model(#"{"model": "./a", "swap_space": 4}"#).arguments.isEmpty)
    }

    @Test(arguments: ["", "{", "nonsense", "[1]", "\"text\"", "5", "null", "{'model': 1}"])
    func whatIsNoObjectIsUnreadable(json: String) throws {
        let error = try #require(throws: ModelRequestError.self) { try ModelRequest(json: Array(json.utf8)) }
        guard case .unreadable = error else {
            Issue.record("\(error)")
            return
        }
    }

    @Test func deepNestingIsUnreadable() {
        let json = #"{"model": "./a", "x": "# + String(repeating: "[", count: 60_000)
        #expect(throws: ModelRequestError.self) { try ModelRequest(json: Array(json.utf8)) }
    }

    @Test(arguments: [
        ("{}", "There is no model; add \"model\" with a folder or a hub id", "model"),
        (#"{"model": ""}"#, "model is no text; write a folder or a hub id", "model"),
        (#"{"model": 5}"#, "model is no text; write a folder or a hub id", "model"),
        (
            #"{"model": "x/y/z"}"#,
            "model is 'x/y/z', which is no folder that exists and no hub id; write a folder as ./x/y/z, or a hub id as "
                + "ORGANISATION/NAME", "model"
        ),
        (
            #"{"model": "./a", "engine_uuid": 7}"#, "engine_uuid is no text of at most 255 bytes; write one",
            "engine_uuid"
        ),
        (
            #"{"model": "./a", "engine_uuid": "e-3"}"#, "'e-3' looks like the id of an engine; use another name",
            "engine_uuid"
        ),
        (
            #"{"model": "./a", "engine_uuid": "a b"}"#,
            "'a b' cannot be the name of a model; use letters, digits and . _ : / -", "engine_uuid"
        ),
        (
            #"{"model": "./a", "engine_uuid": ""}"#, "a model's name is empty; use letters, digits and . _ : / -",
            "engine_uuid"
        ),
        (
            #"{"model": "./a", "pipeline_parallel_size": 2}"#,
            "pipeline_parallel_size is not 1, and the layers of a model are not split here; use 1 or leave it out, and "
                + "tensor_parallel_size for a model that is too large for one worker", "pipeline_parallel_size"
        ),
        (
            #"{"model": "./a", "tensor_parallel_size": 65}"#,
            "tensor_parallel_size is '65'; write a whole number from 1 to 64", "tensor_parallel_size"
        ),
        (
            #"{"model": "./a", "tensor_parallel_size": 2, "executor": "in-process"}"#,
            "executor is in-process, which has one worker, and tensor_parallel_size is 2; use auto or remote, or leave "
                + "tensor_parallel_size out", "executor"
        ),
        (
            #"{"model": "./a", "host": "0.0.0.0"}"#,
            "the argument 'host' is decided by the controller; leave it out: clients reach every model through 'listen'",
            "host"
        ),
        (
            #"{"model": "./a", "vllm_config": {"data_parallel_size": 2}}"#,
            "the argument 'data-parallel-size' is decided by the controller; leave it out: an engine is one server",
            "data_parallel_size"
        ),
        (
            #"{"model": "./a", "seed": 1, "vllm_config": {"seed": 1}}"#, "'seed' is given twice; keep one of them",
            "seed"
        ),
        (
            #"{"model": "./a", "max-model-len": 1, "max_model_len": 1}"#,
            "'max_model_len' is given twice; keep one of them", "max_model_len"
        ),
        (
            #"{"model": "./a", "vllm_config": 5}"#, "vllm_config is no object; write one with vLLM's arguments",
            "vllm_config"
        ),
        (
            #"{"model": "./a", "kv_cache_memory_bytes": -1}"#,
            "kv_cache_memory_bytes is '-1'; write a size above zero as in 256MiB, 1.5GiB, 4GB, 500kB, or a number of bytes",
            "kv_cache_memory_bytes"
        ),
        (
            #"{"model": "./a", "--seed": 1}"#,
            "'--seed' cannot be the name of an argument; write the server's argument without the dashes in front, as in "
                + "max-model-len", "__seed"
        ),
        (#"{"model": "./a", "path": "./b"}"#, "'path' cannot be set here; use 'model'", "path"),
        (
            #"{"model": "./a", "environment": {"PYTHONPATH": "/tmp"}}"#,
            "'environment' cannot be set here; the environment of processes is the config's alone", "environment"
        ),
        (
            #"{"model": "./a", "concurrency": 0, "pin": 3}"#,
            "concurrency is '0'; write a whole number from 1 to 1000000. pin is '3'; write true or false", "concurrency"
        ),
    ])
    func mistakes(json: String, message: String, field: String) throws {
        let found = try mistake(json)
        #expect(found.message == message)
        #expect(found.field == field)
    }

    @Test func aRuntimeMustBeNamedWhereThereAreSeveral() throws {
        let two = "runtimes: {one: {program: a}, two: {program: b}}"
        let found = try mistake(#"{"model": "./a"}"#, in: two)
        #expect(
            found.message
                == "the body does not say which runtime serves it, and there are 2; add 'runtime:' with one of one, two"
        )
        #expect(found.field == nil)
        #expect(try model(#"{"model": "./a", "runtime": "two"}"#, in: two).runtime == "two")
        #expect(try mistake(#"{"model": "./a", "runtime": "tow"}"#, in: two).field == "runtime")
    }

    @Test(arguments: [
        #""trust_remote_code": true"#, #""trust-remote-code": 1"#, #""tool_parser_plugin": "/tmp/x.py""#,
        #""worker_cls": "x.Y""#, #""kv_transfer_config.kv_connector_module_path": "x""#,
    ])
    func codeMustBeAllowed(argument: String) throws {
        let json = #"{"model": "./a", \#(argument)}"#
        #expect(try mistake(json).message.contains("'allow_trust_remote_code: true'"))
        #expect(try model(json, in: "allow_trust_remote_code: true").arguments.count == 1)
        #expect(try model(#"{"model": "./a", "trust_remote_code": false}"#).arguments.count == 1)
    }

    @Test func itIsRelativeToTheFile() throws {
        #expect(try model(#"{"model": "./models/a"}"#).path == "/nowhere/models/a")
    }

    @Test(arguments: [("org/name", true), ("/models/a", true), ("e-1", false), ("a b", false), ("", false)])
    func whatCanBeAName(text: String, isName: Bool) {
        #expect(Configuration.isName(text) == isName)
    }
}
