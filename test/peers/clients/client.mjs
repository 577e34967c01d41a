// The AWS SDK for JavaScript as a client that knows nothing of rolecall: its default chain and one call.
//
//     client.mjs whoami | get BUCKET KEY | put BUCKET KEY TEXT | list BUCKET PREFIX
//
// Prints the answer; on an error of the service prints its code on standard error and ends with 1.
import {
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient, STSServiceException } from "@aws-sdk/client-sts";

async function main(verb, ...args) {
  if (verb === "whoami") {
    return (await new STSClient({}).send(new GetCallerIdentityCommand({}))).Arn;
  }
  const client = new S3Client({ forcePathStyle: true });
  const [Bucket, second, text] = args;
  switch (verb) {
    case "get":
      return (await client.send(new GetObjectCommand({ Bucket, Key: second }))).Body.transformToString();
    case "put":
      return (await client.send(new PutObjectCommand({ Bucket, Key: second, Body: text }))).ETag;
    case "list": {
      const keys = [];
      for await (const page of paginateListObjectsV2({ client }, { Bucket, Prefix: second })) {
        keys.push(...(page.Contents ?? []).map((o) => o.Key));
      }
      return keys.join("\n");
    }
    default:
      throw new Error(`unknown verb ${verb}`);
  }
}

try {
  console.log(await main(...process.argv.slice(2)));
} catch (e) {
  if (e instanceof S3ServiceException || e instanceof STSServiceException) {
    console.error(e.name);
    process.exit(1);
  }
  console.error(`${e.name}: ${e.message}`);
  process.exit(2);
}
