// The page of AssistantUiIT: a thread list and a chat of assistant-ui, with a model that numbers its answers.
import {
  ActionBarPrimitive,
  AssistantRuntimeProvider,
  ComposerPrimitive,
  MessagePrimitive,
  ThreadListItemPrimitive,
  ThreadListPrimitive,
  ThreadPrimitive,
  useAui,
  useLocalRuntime,
  useRemoteThreadListRuntime,
  type ChatModelAdapter,
} from "@assistant-ui/react";
import { createRoot } from "react-dom/client";
import { createThreadListAdapter } from "../src/assistant-ui.js";
import { createConversationClient } from "../src/index.js";

const adapter = createThreadListAdapter(createConversationClient({ baseUrl: location.origin }));
let answers = 0;
const model: ChatModelAdapter = {
  async run() {
    return { content: [{ type: "text", text: `answer ${++answers}` }] };
  },
};

function Item() {
  const aui = useAui();
  return (
    <ThreadListItemPrimitive.Root className="thread">
      <ThreadListItemPrimitive.Trigger>
        <ThreadListItemPrimitive.Title fallback="untitled" />
      </ThreadListItemPrimitive.Trigger>
      <button onClick={() => void aui.threadListItem().rename("renamed")}>rename</button>
      <ThreadListItemPrimitive.Archive>archive</ThreadListItemPrimitive.Archive>
      <ThreadListItemPrimitive.Delete>delete</ThreadListItemPrimitive.Delete>
    </ThreadListItemPrimitive.Root>
  );
}

function ArchivedItem() {
  return (
    <ThreadListItemPrimitive.Root className="archived">
      <ThreadListItemPrimitive.Title fallback="untitled" />
      <ThreadListItemPrimitive.Unarchive>restore</ThreadListItemPrimitive.Unarchive>
    </ThreadListItemPrimitive.Root>
  );
}

function UserMessage() {
  return (
    <MessagePrimitive.Root className="message">
      <MessagePrimitive.Parts />
    </MessagePrimitive.Root>
  );
}

function AssistantMessage() {
  return (
    <MessagePrimitive.Root className="message">
      <MessagePrimitive.Parts />
      <ActionBarPrimitive.Root>
        <ActionBarPrimitive.Reload>regenerate</ActionBarPrimitive.Reload>
      </ActionBarPrimitive.Root>
    </MessagePrimitive.Root>
  );
}

function useModel() {
  return useLocalRuntime(model);
}

function App() {
  const runtime = useRemoteThreadListRuntime({ runtimeHook: useModel, adapter });
  return (
    <AssistantRuntimeProvider runtime={runtime}>
      <ThreadListPrimitive.Root>
        <ThreadListPrimitive.New>new</ThreadListPrimitive.New>
        <ThreadListPrimitive.Items components={{ ThreadListItem: Item }} />
        <ThreadListPrimitive.Items archived components={{ ThreadListItem: ArchivedItem }} />
      </ThreadListPrimitive.Root>
      <ThreadPrimitive.Root>
        <ThreadPrimitive.Viewport>
          <ThreadPrimitive.Messages components={{ UserMessage, AssistantMessage }} />
          <ComposerPrimitive.Root>
            <ComposerPrimitive.Input autoFocus aria-label="message" />
            <ComposerPrimitive.Send>send</ComposerPrimitive.Send>
          </ComposerPrimitive.Root>
        </ThreadPrimitive.Viewport>
      </ThreadPrimitive.Root>
    </AssistantRuntimeProvider>
  );
}

const root = document.createElement("main");
document.body.replaceChildren(root);
createRoot(root).render(<App />);
